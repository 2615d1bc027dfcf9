import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { WgTsError } from '../errors.js';
import type { TunnelServiceReport } from '../service/tunnelservice.js';
import { loadConfig, zeroConfig } from './load.js';
import { note, print } from './output.js';
import { dataPlaneOption, workersOption } from './planeoptions.js';
import { requireRoot, resolveTarget, type Target } from './target.js';

interface RunnerOptions {
  readonly allowHooks?: boolean;
  readonly dataPlane?: 'native' | 'portable';
  readonly workers?: number;
}

/** Of `install`, which hands them on to `run`. */
function withRunnerOptions(command: Command): Command {
  return command
    .option('--allow-hooks', 'run PreUp, PostUp, PreDown and PostDown of the configuration')
    .addOption(dataPlaneOption())
    .addOption(workersOption());
}

const installCommand = withRunnerOptions(new Command('install'))
  .summary('keep a tunnel up from the start of the machine')
  .description(
    `Stores the configuration, encrypted and for administrators alone, copies the program to where only they can change it, and registers a service that starts it at boot and again after a failure.`,
  )
  .argument('<FILE|NAME>', 'a .conf file; NAME alone means one that is stored already')
  .option('--no-start', 'do not start it now')
  .addHelpText('after', '\nExample:\n  wg-ts service install office.conf')
  .action(async (fileOrName: string, options: RunnerOptions & { readonly start: boolean }) => {
    const target = resolveTarget(fileOrName);
    requireService('install', fileOrName);
    for (const warning of await checkedWarnings(target)) note(`warning: ${warning}`);
    await warnOfMissingWintun();
    const { installTunnelService, startTunnelService } = await import(
      '../service/tunnelservice.js'
    );
    const { allowHooks, dataPlane, workers } = options;
    const isStored = !target.file.endsWith('.conf');
    installTunnelService({
      name: target.name,
      ...(!isStored && { config: readFileSync(target.file) }),
      ...(allowHooks !== undefined && { allowHooks }),
      ...(dataPlane !== undefined && { dataPlane }),
      ...(workers !== undefined && { workers }),
    });
    note(`installed the service of ${target.name}`);
    if (!isStored)
      note(`hint: ${target.file} still holds the private key; it is not needed any more`);
    if (!options.start) return;
    await startTunnelService(target.name);
    note(`${target.name} is up`);
  });

/** The service gets a copy of the program with what lies beside it now. */
async function warnOfMissingWintun(): Promise<void> {
  const { wintunArchitecture } = await import('../wintun/pins.js');
  const { wintunStatus } = await import('../wintun/status.js');
  const architecture = wintunArchitecture(process.arch);
  if (architecture && (await wintunStatus({ architecture })).path === undefined)
    note('warning: wintun.dll is missing: wg-ts wintun install, and then install this again');
}

/** Reads it as it will be read at boot, when nobody sees what is wrong with it. */
async function checkedWarnings({ file }: Target): Promise<readonly string[]> {
  const { config, warnings } = await loadConfig(file);
  zeroConfig(config);
  return warnings;
}

const uninstallCommand = new Command('uninstall')
  .summary('take a tunnel down for good')
  .description('Stops the service, and removes it with its stored configuration and its log.')
  .argument('<NAME>', 'of the tunnel')
  .action(async (fileOrName: string) => {
    const { name } = resolveTarget(fileOrName);
    requireService('uninstall', name);
    const { uninstallTunnelService } = await import('../service/tunnelservice.js');
    await uninstallTunnelService(name);
    note(`removed the service of ${name}`);
  });

const startCommand = new Command('start')
  .summary('bring the tunnel of a service up')
  .argument('<NAME>', 'of the tunnel')
  .action(async (fileOrName: string) => {
    const { name } = resolveTarget(fileOrName);
    requireService('start', name);
    const { startTunnelService } = await import('../service/tunnelservice.js');
    await startTunnelService(name);
    note(`${name} is up`);
  });

const stopCommand = new Command('stop')
  .summary('take the tunnel of a service down until it is started again')
  .argument('<NAME>', 'of the tunnel')
  .action(async (fileOrName: string) => {
    const { name } = resolveTarget(fileOrName);
    requireService('stop', name);
    const { stopTunnelService } = await import('../service/tunnelservice.js');
    await stopTunnelService(name);
    note(`${name} is down`);
  });

const listCommand = new Command('list')
  .summary('list the services and their states')
  .option('--json', 'for programs')
  .action(async ({ json = false }: { json?: boolean }) => {
    requireWindows();
    const { listTunnelServices } = await import('../service/tunnelservice.js');
    const services = listTunnelServices();
    print(json ? `${JSON.stringify({ services }, undefined, 2)}\n` : formatServices(services));
  });

export function formatServices(services: readonly TunnelServiceReport[]): string {
  const width = Math.max(0, ...services.map(({ name }) => name.length));
  return services
    .map(({ name, state, pid }) => {
      const process = pid === 0 ? '' : ` (pid ${pid})`;
      return `${name.padEnd(width)}  ${state}${process}\n`;
    })
    .join('');
}

/** What Windows starts. */
const runCommand = withRunnerOptions(new Command('run'))
  .argument('<NAME>')
  .action(async (name: string, options: RunnerOptions) => {
    requireWindows();
    const target = resolveTarget(name);
    const { runTunnelService } = await import('../service/run.js');
    const { runInService } = await import('./run.js');
    process.exitCode = await runTunnelService(target.name, (context) =>
      runInService(target, { verbose: false, ...options }, context),
    );
    process.exit();
  });

export const serviceCommand: Command = new Command('service')
  .summary('keep tunnels up as services of Windows')
  .description(
    'Installs, starts, stops, lists and removes tunnels that run as services of Windows.',
  )
  .addHelpText(
    'after',
    `
A stored configuration is used by up, down, show, logs and check with its NAME.

Examples:
  wg-ts service install office.conf
  wg-ts service list
  wg-ts service uninstall office`,
  )
  .addCommand(installCommand)
  .addCommand(uninstallCommand)
  .addCommand(startCommand)
  .addCommand(stopCommand)
  .addCommand(listCommand)
  .addCommand(runCommand, { hidden: true });

function requireService(verb: string, what: string): void {
  requireWindows();
  requireRoot(`service ${verb}`, `service ${verb} ${what}`);
}

function requireWindows(): void {
  if (process.platform === 'win32') return;
  throw new WgTsError('ERR_UNSUPPORTED', 'services of wg-ts are for Windows', {
    hint: 'with systemd, a unit that runs wg-ts up --foreground NAME does the same',
  });
}
