import { Command } from 'commander';
import { quote } from '../../src/config/redact.js';
import { type UapiDevice, zeroSecrets } from '../../src/uapi/codec.js';
import { messageOf, WgTsError } from '../../system/errors.js';
import { checkInterfaceName } from '../../system/interfacename.js';
import { note, print, stdoutColors } from '../output.js';
import { requireRoot } from '../target.js';
import { listInterfaces, possibleInterfaces, readInterface } from '../wg/interfaces.js';
import { FIELD_NAMES, formatField } from '../wg/show-fields.js';
import { formatInterface } from '../wg/show-text.js';
import { toJson, withoutSecrets, withSecrets } from '../wg/shown.js';
import { asWg, wrongUsage } from '../wg/verb.js';

const USAGE = '[INTERFACE | all | interfaces] [FIELD] [--json]';

export const showCommand: Command = new Command('show')
  .summary('show the tunnels that are up')
  .description(
    'Shows the WireGuard interfaces that have a socket in /var/run/wireguard, or on Windows a pipe where wg.exe looks for it, including those of other programs.',
  )
  .usage(USAGE)
  .argument('[WHAT...]')
  .option('--json', 'print JSON, with numbers in bytes and seconds, and never a secret')
  .addHelpText(
    'after',
    `
FIELD is one of ${FIELD_NAMES.slice(0, 6).join(', ')},
${FIELD_NAMES.slice(6).join(', ')}: bare values for scripts, as
wg(8) prints them. private-key, preshared-keys and dump print secrets.

WG_COLOR_MODE (always, never, auto), WG_HIDE_KEYS (never) and NO_COLOR are respected.

Examples:
  sudo wg-ts show
  sudo wg-ts show office --json
  sudo wg-ts show all latest-handshakes`,
  )
  .action((args: readonly string[], { json = false }: { json?: boolean }) =>
    asWg(() => show(args, json)),
  );

async function show(args: readonly string[], isJson: boolean): Promise<void> {
  const [what = 'all', field] = args;
  if (args.length > 2 || (what === 'interfaces' && field !== undefined))
    throw wrongUsage('show', USAGE);
  if (field !== undefined) checkField(field, isJson);
  if (what !== 'all' && what !== 'interfaces') checkInterfaceName(what);
  requireRoot('show', ['show', ...args].join(' '));
  if (what === 'interfaces') showNames(await listInterfaces(), isJson);
  else if (what === 'all') await showAll(field, isJson);
  else await showOne(what, field, isJson);
}

function checkField(field: string, isJson: boolean): void {
  if (!FIELD_NAMES.includes(field))
    throw new WgTsError('ERR_USAGE', `Invalid parameter ${quote(field)}`, {
      hint: `the fields are ${FIELD_NAMES.join(', ')}`,
    });
  if (isJson)
    throw new WgTsError('ERR_USAGE', '--json prints all fields at once, and takes none', {
      hint: 'leave the field out; showconf and dump print the keys',
    });
}

function showNames(names: readonly string[], isJson: boolean): void {
  if (isJson) printJson({ interfaces: names });
  else if (names.length > 0) print(`${names.join(' ')}\n`);
}

async function showOne(name: string, field: string | undefined, isJson: boolean): Promise<void> {
  const device = await readInterface(name);
  try {
    if (isJson) printJson({ interfaces: [toJson(withoutSecrets(name, device))] });
    else if (field !== undefined) print(formatField(device, field) ?? '');
    else print(textOf(name, device));
  } finally {
    zeroSecrets(device);
  }
}

interface Named {
  readonly name: string;
  readonly device: UapiDevice;
}

async function showAll(field: string | undefined, isJson: boolean): Promise<void> {
  const names = possibleInterfaces();
  const answers = await Promise.all(names.map(readOrWarn));
  const all = answers.filter((answer) => typeof answer === 'object');
  try {
    if (isJson)
      printJson({
        interfaces: all.map(({ name, device }) => toJson(withoutSecrets(name, device))),
      });
    else if (field !== undefined)
      print(all.map(({ name, device }) => formatField(device, field, { name })).join(''));
    else print(all.map(({ name, device }) => textOf(name, device)).join('\n'));
  } finally {
    for (const { device } of all) zeroSecrets(device);
  }
  if (all.length === 0 && answers.includes('failed')) process.exitCode = 1;
}

/** One interface that does not answer must not hide the others. */
async function readOrWarn(name: string): Promise<Named | 'gone' | 'failed'> {
  try {
    return { name, device: await readInterface(name) };
  } catch (error) {
    // The socket was left behind by its program.
    if (error instanceof WgTsError && error.code === 'ERR_NOT_UP') return 'gone';
    const why = messageOf(error);
    note(`warning: Unable to access interface ${name}: ${why}`);
    return 'failed';
  }
}

function textOf(name: string, device: UapiDevice): string {
  const isHidden = process.env['WG_HIDE_KEYS'] !== 'never';
  const shown = (isHidden ? withoutSecrets : withSecrets)(name, device);
  return formatInterface(shown, stdoutColors().isColorSupported, Math.floor(Date.now() / 1000));
}

function printJson(value: object): void {
  print(`${JSON.stringify(value, undefined, 2)}\n`);
}
