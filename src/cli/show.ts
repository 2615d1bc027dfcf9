import { Command } from 'commander';
import { checkInterfaceName } from '../config/file.js';
import { WgTsError } from '../errors.js';
import { StateFolder } from '../runtime/state.js';
import { listUapi, queryUapi, uapiSocket } from '../uapi/client.js';
import { zeroSecrets } from '../uapi/codec.js';
import { formatInterface, type ShownInterface, toJson, withoutSecrets } from './format-show.js';
import { note, print, stdoutColors } from './output.js';
import { requireRoot } from './target.js';

export const showCommand: Command = new Command('show')
  .summary('show the tunnels that are up')
  .description(
    'Shows the WireGuard interfaces that have a socket in /var/run/wireguard, or on Windows a pipe where wg.exe looks for it, those of other programs too.',
  )
  .argument('[NAME]', 'of an interface, or all', 'all')
  .option('--json', 'for programs: numbers in bytes and seconds')
  .addHelpText(
    'after',
    `
WG_COLOR_MODE (always, never, auto) and NO_COLOR are followed.

Examples:
  sudo wg-ts show
  sudo wg-ts show office --json`,
  )
  .action(async (name: string, { json = false }: { json?: boolean }) => {
    if (name !== 'all') checkInterfaceName(name);
    requireRoot('show', name === 'all' ? 'show' : `show ${name}`);
    const shown = name === 'all' ? await queryAll() : [await queryOne(name)];
    if (json) {
      print(`${JSON.stringify({ interfaces: shown.map(toJson) }, undefined, 2)}\n`);
      return;
    }
    const now = Math.floor(Date.now() / 1000);
    const colors = stdoutColors();
    print(shown.map((one) => formatInterface(one, colors, now)).join('\n'));
  });

async function queryAll(): Promise<ShownInterface[]> {
  // Pipes cannot be listed on every Windows; ours are known.
  const own = process.platform === 'win32' ? new StateFolder().names() : [];
  const names = [...new Set([...listUapi(), ...own])].sort();
  const answers = await Promise.all(names.map(queryOrWarn));
  return answers.filter((answer) => answer !== undefined);
}

/** One interface that does not answer must not hide the others. */
async function queryOrWarn(name: string): Promise<ShownInterface | undefined> {
  try {
    return await query(name);
  } catch (error) {
    note(`warning: ${name}: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

async function queryOne(name: string): Promise<ShownInterface> {
  const shown = await query(name);
  if (shown) return shown;
  throw new WgTsError('ERR_NOT_UP', `${name} is not up`, {
    hint: `wg-ts show lists what is; an interface of the ${process.platform === 'win32' ? 'driver' : 'kernel'}'s own is shown by wg show ${name}`,
  });
}

async function query(name: string): Promise<ShownInterface | undefined> {
  const device = await queryUapi(uapiSocket(name));
  if (!device) return undefined;
  try {
    return withoutSecrets(name, device);
  } finally {
    zeroSecrets(device);
  }
}
