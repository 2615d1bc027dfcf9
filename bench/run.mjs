// npm run bench -- [--repeats 5] [--seconds 4] [--only wireguard-go,portable] [--dry]
//
// Needs root, iproute2, iperf3, wireguard-tools and wireguard-go. Writes bench/RESULTS.md, or with
// --dry only prints.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { whyNoHandshakes, writeInitiations } from './handshakes.mjs';
import { KINDS, newKeyPair } from './kinds.mjs';
import { Lab } from './lab.mjs';
import { bringUp, memory, ping, tcp, udp } from './measures.mjs';
import { report } from './report.mjs';

const HANDSHAKES = fileURLToPath(new URL('./handshakes.mjs', import.meta.url));

const { values: options } = parseArgs({
  options: {
    repeats: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    only: { type: 'string', default: '' },
    dry: { type: 'boolean', default: false },
  },
});
const repeats = Number(options.repeats);
const seconds = Number(options.seconds);
if (!(repeats >= 1) || !(seconds >= 1)) throw new Error('--repeats and --seconds are 1 or more');
if (process.getuid?.() !== 0) {
  console.error('bench: network namespaces need root');
  process.exit(1);
}

async function measureTraffic(lab, kind, keys, note) {
  const tunnel = kind.prepare(lab, keys);
  try {
    await tunnel.up('s');
    const first = await bringUp(lab, tunnel);
    if (kind.isTunnel) note(first);
    note(await ping(lab, tunnel.target));
    note(await tcp(lab, tunnel.target, seconds, 1));
    note(await tcp(lab, tunnel.target, seconds, 4));
    for (const bytes of [64, 1400]) note(await udp(lab, tunnel.target, seconds, bytes));
    note(memory(lab));
  } finally {
    await tunnel.down();
  }
}

async function measureHandshakes(lab, kind, keys, initiations, note) {
  const tunnel = kind.prepare(lab, keys, initiations.peers);
  try {
    await tunnel.up('s');
    const argv = [process.execPath, HANDSHAKES, lab.serverAddress, String(tunnel.port)];
    const output = await lab.run(lab.client, [...argv, initiations.file, String(seconds)]);
    const { answered, cookies, seconds: elapsed } = JSON.parse(output);
    if (cookies > 0) console.error(`${kind.name}: ${cookies} cookie replies`);
    if (elapsed > 0) note({ handshakes: answered / elapsed });
  } finally {
    await tunnel.down();
  }
}

const wanted = options.only.split(',').filter(Boolean);
const chosen = KINDS.filter(
  ({ name }) => wanted.length === 0 || wanted.some((word) => name.includes(word)),
);
const missing = chosen.flatMap((kind) => (kind.whyNot() ? [`${kind.name}: ${kind.whyNot()}`] : []));
const kinds = chosen.filter((kind) => !kind.whyNot());
const results = new Map(kinds.map(({ name }) => [name, new Map()]));

const lab = new Lab();
const leave = () => {
  lab.close();
  process.exit(130);
};
process.once('SIGINT', leave);
process.once('SIGTERM', leave);
try {
  await lab.open();
  const keys = { client: newKeyPair(), server: newKeyPair() };
  let initiations;
  if (whyNoHandshakes()) missing.push(`handshakes: ${whyNoHandshakes()}`);
  else {
    const file = join(lab.folder, 'initiations');
    initiations = { file, peers: await writeInitiations(file, keys.server.publicKey) };
  }
  for (let repeat = 1; repeat <= repeats; repeat++)
    for (const kind of kinds) {
      const note = (figures) => {
        for (const [key, value] of Object.entries(figures)) {
          const all = results.get(kind.name);
          all.set(key, [...(all.get(key) ?? []), value]);
          console.error(`${repeat}/${repeats} ${kind.name} ${key} ${value.toFixed(2)}`);
        }
      };
      await measureTraffic(lab, kind, keys, note);
      if (kind.isTunnel && initiations) await measureHandshakes(lab, kind, keys, initiations, note);
    }
} finally {
  lab.close();
}
const text = report(results, { repeats, seconds, missing });
if (!options.dry) writeFileSync(new URL('./RESULTS.md', import.meta.url), text);
console.log(text);
