import { spawn } from 'node:child_process';
import { Command, Option } from 'commander';
import { WgTsError } from '../../system/errors.js';
import { note, print } from '../output.js';
import type { Installed } from '../wintun/install.js';
import { WINTUN, type WintunArchitecture, wintunArchitecture } from '../wintun/pins.js';
import type { WintunStatus } from '../wintun/status.js';

interface PlaceOptions {
  readonly arch: string;
  readonly directory?: string;
}

const archOption = (): Option =>
  new Option('--arch <ARCH>', 'the architecture of the machine it is for')
    .choices(Object.keys(WINTUN.dlls))
    .default(process.arch);

const directoryOption = (): Option =>
  new Option('--directory <FOLDER>', 'the folder of wintun.dll (default: that of the program)');

const installCommand = new Command('install')
  .summary('install wintun.dll from its publisher')
  .description(
    `Installs the wintun.dll of Wintun ${WINTUN.version} beside the program, from the official zip, which is downloaded or given as a file. Any other zip is refused.`,
  )
  .argument('[ZIP]', `wintun-${WINTUN.version}.zip, if this machine cannot download it`)
  .addOption(archOption())
  .addOption(directoryOption())
  .addHelpText(
    'after',
    `
It is downloaded from ${WINTUN.url}.
An elevated prompt is needed if only administrators can write to the program's folder. With --arch and
--directory it works on any system, to prepare an image.

Examples:
  wg-ts wintun install
  wg-ts wintun install wintun-${WINTUN.version}.zip`,
  )
  .action(async (zip: string | undefined, options: PlaceOptions) => {
    const { installWintun } = await import('../wintun/install.js');
    const installed = await installWintun({
      architecture: architectureOf(options),
      onDownload: (url) => note(`downloading ${url}`),
      ...(zip !== undefined && { zip }),
      ...(options.directory !== undefined && { folder: options.directory }),
    });
    print(describeInstalled(installed));
  });

export function describeInstalled({ path, version, sha256, change, replaced }: Installed): string {
  const what = {
    new: `wintun.dll ${version} is now at ${path}`,
    replaced: `wintun.dll ${version} is now at ${path}, replacing ${replaced}`,
    same: `wintun.dll ${version} was already at ${path}: nothing was changed`,
  }[change];
  return `${what}
its SHA-256 matches the release: ${sha256}
It is licensed by its publisher under the Prebuilt Binaries License (LICENSE.txt in the zip); wg-ts does
not contain it.
`;
}

const statusCommand = new Command('status')
  .summary('show the wintun.dll and driver in use')
  .description(
    'Shows where wintun.dll was found or looked for, and its version and that of its driver.',
  )
  .addOption(archOption())
  .addOption(directoryOption())
  .option('--json', 'print JSON')
  .addHelpText(
    'after',
    `
Exit code 1: wintun.dll is missing or cannot be used.

Example:
  wg-ts wintun status`,
  )
  .action(async (options: PlaceOptions & { readonly json?: boolean }) => {
    const { wintunStatus } = await import('../wintun/status.js');
    const { directory } = options;
    const status = await wintunStatus({
      architecture: architectureOf(options),
      ...(directory !== undefined && { folder: directory }),
    });
    if (options.json)
      print(`${JSON.stringify({ ...status, path: status.path ?? null }, undefined, 2)}\n`);
    else print(describeStatus(status));
    if (status.path === undefined || status.problem !== undefined) process.exitCode = 1;
  });

export function describeStatus(status: WintunStatus): string {
  const { path, lookedFor, sha256, release, fileVersion, problem, driverVersion } = status;
  if (path === undefined)
    return [
      'wintun.dll: missing',
      ...lookedFor.map((place) => `looked for: ${place}`),
      'to get it: wg-ts wintun install',
      '',
    ].join('\n');
  const unknown = `not a known release; wg-ts is made for ${WINTUN.version}`;
  return [
    `wintun.dll: ${path}`,
    ...(fileVersion === undefined ? [] : [`version: ${fileVersion}`]),
    `SHA-256: ${sha256} (${release ?? unknown})`,
    problem === undefined
      ? `running driver: ${driverVersion ?? 'none; the first tunnel loads it'}`
      : `cannot be used: ${problem}`,
    '',
  ].join('\n');
}

const uninstallCommand = new Command('uninstall')
  .summary('remove wintun.dll and its driver')
  .description(
    'Asks Windows to remove the driver, which it does if no program uses it, and removes wintun.dll.',
  )
  .addOption(archOption())
  .addOption(directoryOption())
  .addOption(new Option('--driver-only').hideHelp())
  .addHelpText('after', '\nExample:\n  wg-ts wintun uninstall')
  .action(async (options: PlaceOptions & { readonly driverOnly?: boolean }) => {
    const uninstall = await import('../wintun/uninstall.js');
    const architecture = architectureOf(options);
    const folder = options.directory ?? uninstall.applicationFolder(architecture);
    if (options.driverOnly) return await uninstall.deleteWintunDriver(folder);
    const isOfThisMachine = process.platform === 'win32' && architecture === process.arch;
    if (isOfThisMachine && uninstall.hasWintun(folder)) await deleteDriverElsewhere(folder);
    const isRemoved = uninstall.removeWintun(folder);
    print(isRemoved ? `removed wintun.dll from ${folder}\n` : `no wintun.dll in ${folder}\n`);
  });

/** Runs in a process of its own, since a process cannot remove a DLL that it has loaded. */
function deleteDriverElsewhere(folder: string): Promise<void> {
  const args = ['wintun', 'uninstall', '--driver-only', '--directory', folder];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...process.execArgv, process.argv[1] ?? '', ...args], {
      stdio: 'inherit',
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      note(code === 0 ? 'removed the driver' : 'the driver was not removed, for the reason above');
      resolve();
    });
  });
}

function architectureOf({ arch }: PlaceOptions): WintunArchitecture {
  const architecture = wintunArchitecture(arch);
  if (architecture) return architecture;
  throw new WgTsError('ERR_UNSUPPORTED', `there is no Wintun for ${arch}`, {
    hint: `it is made for ${Object.keys(WINTUN.dlls).join(', ')}: choose one with --arch`,
  });
}

export const wintunCommand: Command = new Command('wintun')
  .summary('install, check or remove wintun.dll, which Windows needs')
  .description('On Windows a tunnel needs wintun.dll, the driver by the authors of WireGuard.')
  .addHelpText('after', '\nExample:\n  wg-ts wintun install')
  .addCommand(installCommand)
  .addCommand(statusCommand)
  .addCommand(uninstallCommand);
