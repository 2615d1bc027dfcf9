import { Command } from 'commander';
import { zeroConfig } from '../../src/config/model.js';
import { WgTsError } from '../../system/errors.js';
import { loadConfig } from '../load.js';
import { note, print } from '../output.js';
import { requireRoot, resolveTarget, type Target } from '../target.js';
import { addServiceOptions, type ServiceSettings } from '../upoptions.js';
import type { InstallOptions, ServiceManager, ServiceReport } from './servicemanager.js';

async function serviceManager(): Promise<ServiceManager> {
  switch (process.platform) {
    case 'win32':
      return (await import('./service-windows.js')).windowsServices;
    case 'linux':
      return (await import('./service-systemd.js')).systemdServices;
    default:
      throw new WgTsError('ERR_UNSUPPORTED', 'wg-ts service needs Windows or systemd');
  }
}

/** The exit code of `systemctl status` for a unit that is not running. */
const EXIT_NOT_RUNNING = 3;

const installCommand = addServiceOptions(new Command('install'))
  .summary('bring a tunnel up at boot and keep it up')
  .description(
    'Registers a service that brings the tunnel up at boot, and again after a failure. With systemd it is an instance of the unit wg-ts@.service, with no more privileges than a tunnel needs, and a file is copied to /etc/wireguard. On Windows the configuration is stored encrypted, for administrators only, and the program is copied to a folder that only they can change.',
  )
  .argument('<FILE|NAME>', 'a .conf file; NAME alone means a configuration that is already stored')
  .option('--no-start', 'do not start it now')
  .addHelpText('after', '\nExample:\n  sudo wg-ts service install office.conf')
  .action(async (fileOrName: string, options: InstallOptions) => {
    const target = resolveTarget(fileOrName);
    requireRoot('service install', `service install ${fileOrName}`);
    const manager = await serviceManager();
    for (const warning of await checkedWarnings(target)) note(`warning: ${warning}`);
    await manager.install(target, options);
    if (options.start) note(`${target.name} is up`);
  });

/** Reads the file as it will be read at boot, when no one sees its errors. */
async function checkedWarnings({ file }: Target): Promise<readonly string[]> {
  const { config, warnings } = await loadConfig(file);
  zeroConfig(config);
  return warnings;
}

const uninstallCommand = new Command('uninstall')
  .summary('take a tunnel down and remove its service')
  .description(
    'Stops the service and removes it, on Windows along with its stored configuration and its log.',
  )
  .argument('<NAME>', 'the name of the tunnel')
  .action(async (fileOrName: string) => {
    const { name } = resolveTarget(fileOrName);
    requireRoot('service uninstall', `service uninstall ${name}`);
    await (await serviceManager()).uninstall(name);
    note(`removed the service of ${name}`);
  });

const startCommand = new Command('start')
  .summary('bring the tunnel of a service up')
  .argument('<NAME>', 'the name of the tunnel')
  .action(async (fileOrName: string) => {
    const { name } = resolveTarget(fileOrName);
    requireRoot('service start', `service start ${name}`);
    await (await serviceManager()).start(name);
    note(`${name} is up`);
  });

const stopCommand = new Command('stop')
  .summary('take the tunnel of a service down until it is started again')
  .argument('<NAME>', 'the name of the tunnel')
  .action(async (fileOrName: string) => {
    const { name } = resolveTarget(fileOrName);
    requireRoot('service stop', `service stop ${name}`);
    await (await serviceManager()).stop(name);
    note(`${name} is down`);
  });

const listCommand = new Command('list')
  .summary('list the services and their states')
  .option('--json', 'print JSON')
  .action(async ({ json = false }: { json?: boolean }) => {
    const services = await (await serviceManager()).list();
    print(json ? `${JSON.stringify({ services }, undefined, 2)}\n` : formatServices(services));
  });

const statusCommand = new Command('status')
  .summary('show the state of one service')
  .description('Shows the state of a service, and with systemd the end of its log.')
  .argument('<NAME>', 'the name of the tunnel')
  .addHelpText('after', '\nThe exit code is 0 when it runs and 3 when it does not.')
  .action(async (fileOrName: string) => {
    const { name } = resolveTarget(fileOrName);
    const manager = await serviceManager();
    process.exitCode = manager.status
      ? await manager.status(name)
      : showListed(name, await manager.list());
  });

/** Returns the exit code. */
function showListed(name: string, services: readonly ServiceReport[]): number {
  const report = services.find((one) => one.name === name);
  if (!report)
    throw new WgTsError('ERR_NOT_UP', `there is no service for ${name}`, {
      hint: 'wg-ts service list shows the services',
    });
  print(formatServices([report]));
  return report.state === 'running' ? 0 : EXIT_NOT_RUNNING;
}

export function formatServices(services: readonly ServiceReport[]): string {
  const width = Math.max(0, ...services.map(({ name }) => name.length));
  return services
    .map(({ name, state, pid }) => {
      const process = pid === 0 ? '' : ` (pid ${pid})`;
      return `${name.padEnd(width)}  ${state}${process}\n`;
    })
    .join('');
}

/** The command that the Windows service manager starts. */
const runCommand = addServiceOptions(new Command('run'))
  .argument('<NAME>')
  .action(async (name: string, settings: ServiceSettings) => {
    requireWindows();
    const target = resolveTarget(name);
    const { runTunnelService } = await import('../service/windows/run.js');
    const { runInService } = await import('../daemon/run.js');
    process.exitCode = await runTunnelService(target.name, (context) =>
      runInService(target, settings, context),
    );
    process.exit();
  });

export const serviceCommand: Command = new Command('service')
  .summary('bring tunnels up at boot and keep them up')
  .description(
    'Installs, starts, stops, lists and removes tunnels that run as systemd or Windows services.',
  )
  .addHelpText(
    'after',
    `
On Windows up, down, show, logs and check take the NAME of a stored configuration. With systemd
journalctl -u wg-ts@NAME shows the log, and systemctl reload wg-ts@NAME applies a changed file.

Examples:
  sudo wg-ts service install office.conf
  wg-ts service status office
  wg-ts service list
  sudo wg-ts service uninstall office`,
  )
  .addCommand(installCommand)
  .addCommand(uninstallCommand)
  .addCommand(startCommand)
  .addCommand(stopCommand)
  .addCommand(listCommand)
  .addCommand(statusCommand)
  .addCommand(runCommand, { hidden: true });

function requireWindows(): void {
  if (process.platform === 'win32') return;
  throw new WgTsError('ERR_UNSUPPORTED', 'this command is for the Windows service manager');
}
