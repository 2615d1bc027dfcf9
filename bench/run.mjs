// npm run bench -- [sections] [options]       needs root, iproute2, iperf3 and wireguard-tools
//
//   --comparison   all kinds, all figures (the default)
//   --ablation     wg-ts native with each offload turned off
//   --profile      what a packet costs by stage; needs perf
//   --allowed-ips  lookups of the native and the portable table
//   --windows      both data planes on the Windows build of Node.js; needs wine and MinGW
//   --all          everything
//
//   --only KINDS     names of kinds or parts of them, separated by commas; --list prints the names
//   --repeats N      default 5, for --ablation and --windows 3
//   --seconds N      how long a flow lasts, default 4
//   --dry            print only, without writing to bench/RESULTS.md
//
// The newest versions of other programs are built first where go and cargo are installed, into
// $XDG_CACHE_HOME/wg-ts-bench.
import { parseArgs } from 'node:util';
import { compare } from './comparison.mjs';
import { kindNames, NATIVE, prepareKinds } from './kinds.mjs';
import { Lab } from './lab.mjs';
import { lookUp } from './lookups.mjs';
import { whyNotQuiet } from './machine.mjs';
import { profile, whyNoProfile } from './profile.mjs';
import { writeSections } from './sections.mjs';
import { measureWindows } from './windows.mjs';

const RESULTS = new URL('./RESULTS.md', import.meta.url);
const SECTIONS = ['comparison', 'ablation', 'profile', 'allowed-ips', 'windows'];

const flag = { type: 'boolean', default: false };
const { values: options } = parseArgs({
  options: {
    ...Object.fromEntries(SECTIONS.map((name) => [name, flag])),
    all: flag,
    list: flag,
    dry: flag,
    only: { type: 'string', default: '' },
    repeats: { type: 'string' },
    seconds: { type: 'string', default: '4' },
  },
});

const only = options.only.split(',').filter(Boolean);
const seconds = Number(options.seconds);
const repeatsOr = (usual) => Number(options.repeats ?? usual);
if (!(repeatsOr(1) >= 1) || !(seconds >= 1))
  throw new Error('--repeats and --seconds are 1 or more');

/** Each resolves to `{ text, missing }`: the text of the section, if any, and what it lacks. */
const MAKE = {
  comparison: async (lab) => {
    const { kinds, missing } = await prepareKinds(only, lab.folder);
    return after(missing, await compare(lab, kinds, { repeats: repeatsOr(5), seconds }));
  },
  ablation: async (lab) => {
    const { kinds, missing } = await prepareKinds(only.length > 0 ? only : [NATIVE], lab.folder);
    const [kind] = kinds;
    if (!kind) return { missing: missing.map((reason) => `ablation: ${reason}`) };
    // Imported only here: it needs the build.
    const { ablate } = await import('./ablation.mjs');
    return after(missing, await ablate(lab, kind, { repeats: repeatsOr(3), seconds }));
  },
  profile: async (lab) => {
    const reason = whyNoProfile();
    if (reason) return { missing: [`profile: ${reason}`] };
    const { kinds, missing } = await prepareKinds(only.length > 0 ? only : [NATIVE], lab.folder);
    return after(missing, await profile(lab, kinds, { seconds }));
  },
  'allowed-ips': lookUp,
  windows: () => measureWindows({ repeats: repeatsOr(3), seconds }),
};

function after(missing, made) {
  return { text: made.text, missing: [...missing, ...made.missing] };
}

async function main() {
  if (options.list) return console.log(kindNames().join('\n'));
  const chosen = SECTIONS.filter((name) => options.all || options[name]);
  if (chosen.length === 0) chosen.push('comparison');
  if (process.getuid?.() !== 0) throw new Error('network namespaces need root');
  const lab = new Lab();
  const leave = () => {
    lab.close();
    process.exit(130);
  };
  process.once('SIGINT', leave);
  process.once('SIGTERM', leave);
  try {
    await lab.open();
    for (const name of chosen) {
      const unrest = await whyNotQuiet();
      if (unrest) console.error(`bench: ${unrest}`);
      const { text, missing } = await MAKE[name](lab);
      show(name, text, { missing, unrest });
    }
  } finally {
    lab.close();
  }
}

/** Prints and writes a section, as soon as it is complete. */
function show(name, text, { missing, unrest }) {
  const remarks = [
    ...(unrest ? [`Not a quiet machine: ${unrest}.`] : []),
    ...(missing.length > 0 ? [`Not measured: ${missing.join('; ')}.`] : []),
  ];
  const notes = remarks.map((remark) => `\n\n${remark}`).join('');
  if (text === undefined) {
    console.error(`bench: nothing for ${name}.${notes}`);
    process.exitCode = 1;
    return;
  }
  const section = `${text.trim()}${notes}`;
  console.log(`${section}\n`);
  if (!options.dry) writeSections(RESULTS, { [name]: section });
}

await main().catch((error) => {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
});
