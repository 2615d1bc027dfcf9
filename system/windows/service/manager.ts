/** Creates, starts, stops, queries and deletes services of Windows. */
import { callFailed, WindowsCallError } from '../callerror.js';
import { readWideString, Structure, wideStrings } from '../memory.js';
import { lastError, Win32Error } from '../win32.js';
import { type ServiceHandle, serviceFunctions } from './advapi.js';
import {
  ConfigLevel,
  ENUM_SERVICE_STATUS_PROCESSW,
  encodeDescription,
  encodeNumber,
  encodePrivileges,
  encodeRestarts,
  QUERY_SERVICE_CONFIGW,
  SERVICE_SID_TYPE_UNRESTRICTED,
  SERVICE_STATUS,
  SERVICE_STATUS_PROCESS,
  SERVICE_WIN32_OWN_PROCESS,
} from './structs.js';

const SC_MANAGER_CONNECT = 0x1;
const SC_MANAGER_CREATE_SERVICE = 0x2;
const SC_MANAGER_ENUMERATE_SERVICE = 0x4;
const SERVICE_ALL_ACCESS = 0xf01ff;
const SERVICE_QUERY_CONFIG = 0x1;
const SERVICE_QUERY_STATUS = 0x4;
const SERVICE_START = 0x10;
const SERVICE_STOP = 0x20;
const DELETE = 0x10000;
const SERVICE_AUTO_START = 2;
const SERVICE_ERROR_NORMAL = 1;
const SERVICE_STATE_ALL = 3;
const SERVICE_CONTROL_STOP = 1;

/** The states of Windows, in the order of their numbers, from 1. */
const STATES = [
  'stopped',
  'start-pending',
  'stop-pending',
  'running',
  'continue-pending',
  'pause-pending',
  'paused',
] as const;

export type ServiceState = (typeof STATES)[number];

export interface ServiceReport {
  readonly state: ServiceState;
  /** 0 when the service is not running. */
  readonly pid: number;
  /** The exit code for Windows; with 1066, `specificExitCode` has the actual code. */
  readonly exitCode: number;
  readonly specificExitCode: number;
  readonly checkPoint: number;
}

export interface NamedServiceReport extends ServiceReport {
  readonly name: string;
}

export interface ServiceDefinition {
  readonly name: string;
  readonly displayName: string;
  readonly description: string;
  readonly commandLine: string;
  /** Services that must run before this one. */
  readonly dependencies: readonly string[];
  /** The only privileges that its process keeps. */
  readonly privileges: readonly string[];
  readonly restartDelaysMs: readonly number[];
  readonly restartResetSeconds: number;
}

/** Creates a service that starts at boot, as SYSTEM. Throws WindowsCallError; nothing is then left behind. */
export function createService(definition: ServiceDefinition): void {
  const { CreateServiceW, DeleteService } = serviceFunctions();
  withManager(SC_MANAGER_CONNECT | SC_MANAGER_CREATE_SERVICE, (manager) => {
    const { name, displayName, commandLine, dependencies } = definition;
    const service = CreateServiceW(
      manager,
      name,
      displayName,
      SERVICE_ALL_ACCESS,
      SERVICE_WIN32_OWN_PROCESS,
      SERVICE_AUTO_START,
      SERVICE_ERROR_NORMAL,
      commandLine,
      null,
      null,
      wideStrings(dependencies),
      null,
      null,
    );
    if (service === 0) throw callFailed('CreateServiceW', name);
    withHandle(service, () => {
      try {
        configure(service, definition);
      } catch (error) {
        DeleteService(service);
        throw error;
      }
    });
  });
}

function configure(service: ServiceHandle, definition: ServiceDefinition): void {
  const { description, privileges, restartDelaysMs, restartResetSeconds } = definition;
  const change = (level: keyof typeof ConfigLevel, info: Uint8Array): void => {
    if (serviceFunctions().ChangeServiceConfig2W(service, ConfigLevel[level], info) !== 0) return;
    const code = lastError();
    // A setting that this version of Windows does not know is left out.
    if (code === Win32Error.ERROR_INVALID_LEVEL) return;
    throw new WindowsCallError('ChangeServiceConfig2W', code, level);
  };
  change('SERVICE_CONFIG_DESCRIPTION', encodeDescription(description));
  change('SERVICE_CONFIG_FAILURE_ACTIONS', encodeRestarts(restartDelaysMs, restartResetSeconds));
  change('SERVICE_CONFIG_FAILURE_ACTIONS_FLAG', encodeNumber(1));
  change('SERVICE_CONFIG_SERVICE_SID_INFO', encodeNumber(SERVICE_SID_TYPE_UNRESTRICTED));
  change('SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO', encodePrivileges(privileges));
  change('SERVICE_CONFIG_DELAYED_AUTO_START_INFO', encodeNumber(0));
}

/** Returns the status of a service; undefined when there is no such service. */
export function queryService(name: string): ServiceReport | undefined {
  return withService(name, SERVICE_QUERY_STATUS, (service) => {
    const status = new Structure(SERVICE_STATUS_PROCESS.size);
    const { QueryServiceStatusEx } = serviceFunctions();
    const needed = new Uint8Array(4);
    if (QueryServiceStatusEx(service, 0, status.bytes, status.bytes.length, needed) === 0)
      throw callFailed('QueryServiceStatusEx', name);
    return reportOf(status, 0);
  });
}

/** Returns the service's command line, with arguments. Undefined when there is no such service. */
export function serviceCommandLine(name: string): string | undefined {
  return withService(name, SERVICE_QUERY_CONFIG, (service) => {
    const { QueryServiceConfigW } = serviceFunctions();
    const needed = new Structure(4);
    QueryServiceConfigW(service, null, 0, needed.bytes);
    const config = new Structure(Math.max(needed.number(0), QUERY_SERVICE_CONFIGW.size));
    if (QueryServiceConfigW(service, config.bytes, config.bytes.length, needed.bytes) === 0)
      throw callFailed('QueryServiceConfigW', name);
    return readWideString(config.pointer(QUERY_SERVICE_CONFIGW.lpBinaryPathName));
  });
}

/** Does not wait. Returns false when there is no such service; one that already runs is no failure. */
export function startService(name: string): boolean {
  const started = withService(name, SERVICE_START, (service) => {
    if (serviceFunctions().StartServiceW(service, 0, null) !== 0) return true;
    const code = lastError();
    if (code === Win32Error.ERROR_SERVICE_ALREADY_RUNNING) return true;
    throw new WindowsCallError('StartServiceW', code, name);
  });
  return started ?? false;
}

/** Does not wait. Returns false when there is no such service; one that does not run is no failure. */
export function stopService(name: string): boolean {
  const stopped = withService(name, SERVICE_STOP, (service) => {
    const status = new Uint8Array(SERVICE_STATUS.size);
    if (serviceFunctions().ControlService(service, SERVICE_CONTROL_STOP, status) !== 0) return true;
    const code = lastError();
    if (code === Win32Error.ERROR_SERVICE_NOT_ACTIVE) return true;
    // The service is already stopping.
    if (code === Win32Error.ERROR_SERVICE_CANNOT_ACCEPT_CTRL) return true;
    throw new WindowsCallError('ControlService', code, name);
  });
  return stopped ?? false;
}

/** The service vanishes when its process has ended. Returns false when there is no such service. */
export function deleteService(name: string): boolean {
  const deleted = withService(name, DELETE, (service) => {
    if (serviceFunctions().DeleteService(service) !== 0) return true;
    const code = lastError();
    if (code === Win32Error.ERROR_SERVICE_MARKED_FOR_DELETE) return true;
    throw new WindowsCallError('DeleteService', code, name);
  });
  return deleted ?? false;
}

/** Returns all services whose name begins with `prefix`, in upper or lower case. */
export function listServices(prefix: string): NamedServiceReport[] {
  const { EnumServicesStatusExW } = serviceFunctions();
  return withManager(SC_MANAGER_CONNECT | SC_MANAGER_ENUMERATE_SERVICE, (manager) => {
    const found: NamedServiceReport[] = [];
    const [needed, count, resume] = [new Structure(4), new Structure(4), new Structure(4)];
    const buffer = new Structure(256 * 1024);
    for (;;) {
      const isDone = EnumServicesStatusExW(
        manager,
        0,
        SERVICE_WIN32_OWN_PROCESS,
        SERVICE_STATE_ALL,
        buffer.bytes,
        buffer.bytes.length,
        needed.bytes,
        count.bytes,
        resume.bytes,
        null,
      );
      const code = isDone === 0 ? lastError() : Win32Error.ERROR_SUCCESS;
      if (code !== Win32Error.ERROR_SUCCESS && code !== Win32Error.ERROR_MORE_DATA)
        throw new WindowsCallError('EnumServicesStatusExW', code);
      for (let index = 0; index < count.number(0); index += 1) {
        const at = index * ENUM_SERVICE_STATUS_PROCESSW.size;
        const { lpServiceName, ServiceStatusProcess } = ENUM_SERVICE_STATUS_PROCESSW;
        const name = readWideString(buffer.pointer(at + lpServiceName)) ?? '';
        // Names of services are case-insensitive.
        if (name.toLowerCase().startsWith(prefix.toLowerCase()))
          found.push({ name, ...reportOf(buffer, at + ServiceStatusProcess) });
      }
      if (code === Win32Error.ERROR_SUCCESS || count.number(0) === 0) return found;
    }
  });
}

function reportOf(status: Structure, at: number): ServiceReport {
  const field = (name: Exclude<keyof typeof SERVICE_STATUS_PROCESS, 'size'>): number =>
    status.number(at + SERVICE_STATUS_PROCESS[name]);
  return {
    state: STATES[field('dwCurrentState') - 1] ?? 'stopped',
    pid: field('dwProcessId'),
    exitCode: field('dwWin32ExitCode'),
    specificExitCode: field('dwServiceSpecificExitCode'),
    checkPoint: field('dwCheckPoint'),
  };
}

function withManager<T>(access: number, use: (manager: ServiceHandle) => T): T {
  const manager = serviceFunctions().OpenSCManagerW(null, null, access);
  if (manager === 0) throw callFailed('OpenSCManagerW');
  return withHandle(manager, () => use(manager));
}

function withService<T>(
  name: string,
  access: number,
  use: (service: ServiceHandle) => T,
): T | undefined {
  return withManager(SC_MANAGER_CONNECT, (manager) => {
    const service = serviceFunctions().OpenServiceW(manager, name, access);
    if (service !== 0) return withHandle(service, () => use(service));
    const code = lastError();
    if (code === Win32Error.ERROR_SERVICE_DOES_NOT_EXIST) return undefined;
    throw new WindowsCallError('OpenServiceW', code, name);
  });
}

function withHandle<T>(handle: ServiceHandle, use: () => T): T {
  try {
    return use();
  } finally {
    serviceFunctions().CloseServiceHandle(handle);
  }
}
