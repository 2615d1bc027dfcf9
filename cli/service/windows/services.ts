/** Tunnels as services of Windows: installed, started, stopped, listed and removed. */
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
/** Without a sign of life; a service that tells of progress may take longer. */
const PATIENCE_MS = 30_000;
const ERROR_SERVICE_SPECIFIC_ERROR = 1066;

/** What it takes to load the driver of the interface and to install it, and to have no less than anybody. */
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
  /** 0 when it does not run. */
  readonly pid: number;
}

export interface InstallOptions extends ServiceSettings {
  readonly name: string;
  /** The configuration's bytes; they are zeroed. Absent: what is stored stays. */
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
      throw new WgTsError('ERR_ALREADY_UP', `the service of ${name} is installed already`, {
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
        description: `Keeps the WireGuard tunnel ${name} up, from the start of the machine.`,
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

/** Undefined when no such service is installed. Throws WgTsError. */
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

/** Waits until the tunnel is up. Throws WgTsError, ERR_NOT_UP when it does not come up. */
export async function startTunnelService(name: string): Promise<void> {
  const service = serviceNameOf(name);
  if (!windowsCalls(() => startService(service))) throw notInstalled(name);
  const end = await settle(service, ['start-pending', 'continue-pending']);
  if (end?.state === 'running') return;
  throw new WgTsError('ERR_NOT_UP', `${name} did not come up${exitOf(end)}`, {
    hint: `wg-ts logs ${name} tells why`,
  });
}

/** Waits until everything is undone. Throws WgTsError. */
export async function stopTunnelService(name: string): Promise<void> {
  const service = serviceNameOf(name);
  const report = tunnelService(name);
  if (!report) throw notInstalled(name);
  // Windows passes nothing on to a service that is starting.
  const isAsked = report.state === 'start-pending' && (await requestStop(controlPipe(name)));
  if (!isAsked) windowsCalls(() => stopService(service));
  const end = await settle(service, ['start-pending', 'running', 'stop-pending']);
  if (end === undefined || end.state === 'stopped') return;
  throw new WgTsError('ERR_WINDOWS', `the service of ${name} does not stop (${end.state})`, {
    hint: `see wg-ts logs ${name}; end its process ${end.pid} in the task manager`,
  });
}

export interface UninstallOptions {
  readonly store?: ConfigStore;
  readonly programs?: string;
}

/** Stops it, and removes all that was installed. Throws WgTsError. */
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

/** What it has become when it is no more in one of the states; the last one when it stays there. */
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
    : ` (error ${exitCode} of Windows)`;
}

function notInstalled(name: string): WgTsError {
  return new WgTsError('ERR_NOT_UP', `no service of ${name} is installed`, {
    hint: `wg-ts service install ${name}.conf installs it; wg-ts service list shows which are`,
  });
}
