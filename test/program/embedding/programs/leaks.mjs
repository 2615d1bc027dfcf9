// What many tunnels, one after the other, leave behind: leaks.mjs MODULE PLANE KIND ROUNDS [WARM-UP]. KIND
// is `close`, `fail`, `abort`, or `system` for interfaces of the system's. Needs --expose-gc; prints JSON.
import { dirname, join } from 'node:path';
import { held } from './memory.mjs';
import { load, soon } from './pair.mjs';

const [module, dataPlane, kind, rounds, warmUp = '100'] = process.argv.slice(2);
const wgts = await load(module);
const { connect, encodeKey, generatePrivateKey, MemoryTun, publicKeyOf } = wgts;
const { connectProgram } = await load(join(dirname(module), 'program.js'));
const warnings = [];
process.on('warning', (warning) => warnings.push(warning.message));

const [own, peer] = [generatePrivateKey(), encodeKey(publicKeyOf(generatePrivateKey()))];
const text = (endpoint, ...lines) =>
  [
    ...['[Interface]', `PrivateKey = ${encodeKey(own.expose())}`, ...lines],
    ...['[Peer]', `PublicKey = ${peer}`, 'AllowedIPs = 10.9.0.2/32', `Endpoint = ${endpoint}`],
    'PersistentKeepalive = 25',
  ].join('\n');
const udp = { ipv4Address: '127.0.0.1', ipv6: false };
/** One for all rounds: what a listener of it holds on to adds up. */
const longLived = new AbortController();
const common = { udp, dataPlane, followNetwork: true, signal: longLived.signal };
const expected = Object.freeze(new Error('enough'));

const KINDS = {
  async close() {
    const config = text('127.0.0.1:9');
    const metrics = { host: '127.0.0.1', port: 0 };
    const tunnel = await connect(config, { ...common, tun: new MemoryTun(), metrics });
    tunnel.on('state', () => undefined);
    await tunnel.addPeer({ publicKey: encodeKey(publicKeyOf(generatePrivateKey())) });
    await tunnel.configure({ listenPort: 0, peers: [] });
    await tunnel.close();
  },
  async system() {
    const config = text('127.0.0.1:9', 'Address = 10.9.0.1/32');
    const tunnel = await connect(config, common);
    await tunnel.close();
  },
  /** Late: the interface and the sockets are there. */
  async fail() {
    const expose = () => Promise.reject(expected);
    await refused(connectProgram(text('127.0.0.1:9'), { ...common, tun: new MemoryTun(), expose }));
  },
  /** In the middle, and while it waits for a name. */
  async abort() {
    const late = new AbortController();
    const expose = async () => {
      late.abort(expected);
      return () => undefined;
    };
    const options = { ...common, signal: late.signal };
    await refused(
      connectProgram(text('127.0.0.1:9'), { ...options, tun: new MemoryTun(), expose }),
    );
    const early = new AbortController();
    const resolver = () => {
      setImmediate(() => early.abort(expected));
      return new Promise(() => undefined);
    };
    const asking = { ...common, signal: early.signal, tun: new MemoryTun(), resolver };
    await refused(connect(text('nobody.invalid:1'), asking));
  },
};

async function refused(connecting) {
  const error = await connecting.then(
    () => new Error('it is up'),
    (error) => error,
  );
  if (error !== expected) throw error;
}

async function run(count) {
  for (let i = 0; i < count; i++) {
    await KINDS[kind]();
    // Without a turn of the event loop nothing that has been closed is given back.
    await soon(1);
    // Young garbage alone: what the heap grows by between two collections is no leak.
    if (i % 50 === 49) globalThis.gc();
  }
}

await run(Number(warmUp));
const before = await held();
await run(Number(rounds));
const after = await held();
console.log(JSON.stringify({ before, after, warnings }));
