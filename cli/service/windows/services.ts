/** Tunnels as Windows services: installs, starts, stops, lists and removes them. */
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { WgTsError } from '../../../system/errors.js';
import { registerEventSource, unregisterEventSource } from '../../../system/windows/eventlog.js';
import {
  createService,
  deleteService,
  listServices,
  queryService,
  type ServiceReport,
  type ServiceState,
  serviceCommandLine,
  startService,
  stopService,
} from '../../../system/windows/service/manager.js';
import { StateFolder } from '../../runtime/state.js';
import { controlPipe, requestStop } from '../../runtime/stoppipe.js';
import { asWgTsError } from '../../runtime/windows.js';
import type { ServiceSettings } from '../../upoptions.js';
import { commandLineOf } from './commandline.js';
import { installProgram, type Program, programsFolder, removeUnusedPrograms } from './program.js';
import { ConfigStore } from './store.js';

const PREFIX = 'WgTsTunnel$';
export const EVENT_SOURCE = 'wg-ts';
const POLL_MS = 100;
/** The longest time without progress; a service that reports progress may take longer in total. */
const PATIENCE_MS = 30_000;
const ERROR_SERVICE_SPECIFIC_ERROR = 1066;

/** Privileges to install and load the driver of the interface, and those that every process has. */
const PRIVILEGES: readonly string[] = [
  'SeChangeNotifyPrivilege',
  'SeImpersonatePrivilege',
  'SeLoadDriverPrivilege',
  'SeRestorePrivilege',
  'SeBackupPrivilege',
  'SeTakeOwnershipPrivilege',
  'SeSecurityPrivilege',
];
const RESTART_DELAYS_MS: readonly number[] = [1000, 10_000, 60_000];
const RESTART_RESET_SECONDS = 24 * 60 * 60;

export interface TunnelServiceReport {
  readonly name: string;
  readonly state: ServiceState;
  /** 0 when it is not running. */
  readonly pid: number;
}

export interface InstallOptions extends ServiceSettings {
  readonly name: string;
  /** The bytes of the configuration, which are zeroed. Absent: the stored one is kept. */
  readonly config?: Uint8Array;
  readonly store?: ConfigStore;
  /** By default a copy below %ProgramFiles% that only administrators can change. */
  readonly program?: Program;
}

export function serviceNameOf(name: string): string {
  return PREFIX + name;
}

/** Stores the configuration and registers the service; does not start it. Throws WgTsError. */
export function installTunnelService(options: InstallOptions): void {
  const { name, config, store = new ConfigStore() } = options;
  windowsCalls(() => {
    if (queryService(serviceNameOf(name)))
      throw new WgTsError('ERR_ALREADY_UP', `the service of ${name} is already installed`, {
        hint: `remove it first: wg-ts service uninstall ${name}`,
      });
    const isNew = !store.has(name);
    new StateFolder().create();
    if (config) store.write(name, config);
    try {
      const program = options.program ?? installProgram();
      createService({
        name: serviceNameOf(name),
        displayName: `wg-ts tunnel: ${name}`,
        description: `Brings the WireGuard tunnel ${name} up at boot and keeps it up.`,
        commandLine: commandLineOf(program, name, options),
        dependencies: ['Nsi', 'TcpIp'],
        privileges: PRIVILEGES,
        restartDelaysMs: RESTART_DELAYS_MS,
        restartResetSeconds: RESTART_RESET_SECONDS,
      });
      registerEventSource(EVENT_SOURCE);
    } catch (error) {
      deleteService(serviceNameOf(name));
      if (isNew) store.remove(name);
      throw error;
    }
  });
}

/** Returns undefined when no such service is installed. Throws WgTsError. */
export function tunnelService(name: string): ServiceReport | undefined {
  return windowsCalls(() => queryService(serviceNameOf(name)));
}

export function listTunnelServices(): TunnelServiceReport[] {
  return windowsCalls(() =>
    listServices(PREFIX).map(({ name, state, pid }) => ({
      name: name.slice(PREFIX.length),
      state,
      pid,
    })),
  );
}

/** Starts the service and waits until the tunnel is up. Throws WgTsError, ERR_NOT_UP if it does not come up. */
export async function startTunnelService(name: string): Promise<void> {
  const service = serviceNameOf(name);
  if (!windowsCalls(() => startService(service))) throw notInstalled(name);
  const end = await settle(service, ['start-pending', 'continue-pending']);
  if (end?.state === 'running') return;
  throw new WgTsError('ERR_NOT_UP', `${name} did not come up${exitOf(end)}`, {
    hint: `wg-ts logs ${name} shows why`,
  });
}

/** Stops the service and waits until everything is undone. Throws WgTsError. */
export async function stopTunnelService(name: string): Promise<void> {
  const service = serviceNameOf(name);
  const report = tunnelService(name);
  if (!report) throw notInstalled(name);
  // Windows passes no requests to a service that is starting.
  const isAsked = report.state === 'start-pending' && (await requestStop(controlPipe(name)));
  if (!isAsked) windowsCalls(() => stopService(service));
  const end = await settle(service, ['start-pending', 'running', 'stop-pending']);
  if (end === undefined || end.state === 'stopped') return;
  throw new WgTsError('ERR_WINDOWS', `the service of ${name} does not stop (${end.state})`, {
    hint: `see wg-ts logs ${name}; end its process ${end.pid} in Task Manager`,
  });
}

export interface UninstallOptions {
  readonly store?: ConfigStore;
  readonly programs?: string;
}

/** Stops the service, and removes everything that was installed. Throws WgTsError. */
export async function uninstallTunnelService(
  name: string,
  { store = new ConfigStore(), programs = programsFolder() }: UninstallOptions = {},
): Promise<void> {
  if (!tunnelService(name)) throw notInstalled(name);
  await stopTunnelService(name);
  windowsCalls(() => deleteService(serviceNameOf(name)));
  store.remove(name);
  rmSync(new StateFolder().logFile(name), { force: true });
  const others = listTunnelServices().filter((other) => other.name !== name);
  windowsCalls(() => {
    const used = others.map((other) => serviceCommandLine(serviceNameOf(other.name)) ?? '');
    removeUnusedPrograms(used, programs);
    if (others.length === 0) unregisterEventSource(EVENT_SOURCE);
  });
}

function windowsCalls<T>(calls: () => T): T {
  try {
    return calls();
  } catch (error) {
    throw asWgTsError(error);
  }
}

/** Waits until the service leaves `states`. Resolves to its last report, also when it does not leave them. */
async function settle(
  service: string,
  states: readonly ServiceState[],
): Promise<ServiceReport | undefined> {
  let last = windowsCalls(() => queryService(service));
  for (let waited = 0; waited < PATIENCE_MS; waited += POLL_MS) {
    if (last === undefined || !states.includes(last.state)) return last;
    await sleep(POLL_MS);
    const next = windowsCalls(() => queryService(service));
    if (next?.checkPoint !== last.checkPoint || next.state !== last.state) waited = 0;
    last = next;
  }
  return last;
}

function exitOf(report: ServiceReport | undefined): string {
  if (!report || report.exitCode === 0) return '';
  const { exitCode, specificExitCode } = report;
  return exitCode === ERROR_SERVICE_SPECIFIC_ERROR
    ? ` (exit code ${specificExitCode})`
    : ` (Windows error ${exitCode})`;
}

function notInstalled(name: string): WgTsError {
  return new WgTsError('ERR_NOT_UP', `no service for ${name} is installed`, {
    hint: `wg-ts service install ${name}.conf installs one; wg-ts service list shows all`,
  });
}
