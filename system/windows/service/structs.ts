/** The structures of winsvc.h as bytes, on 64-bit Windows. */
import { Structure, wideString, wideStrings } from '../memory.js';

export const SERVICE_STATUS = {
  size: 28,
  dwServiceType: 0,
  dwCurrentState: 4,
  dwControlsAccepted: 8,
  dwWin32ExitCode: 12,
  dwServiceSpecificExitCode: 16,
  dwCheckPoint: 20,
  dwWaitHint: 24,
} as const;

export const SERVICE_STATUS_PROCESS = {
  size: 36,
  dwCurrentState: 4,
  dwWin32ExitCode: 12,
  dwServiceSpecificExitCode: 16,
  dwCheckPoint: 20,
  dwProcessId: 28,
} as const;

export const ENUM_SERVICE_STATUS_PROCESSW = {
  size: 56,
  lpServiceName: 0,
  ServiceStatusProcess: 16,
} as const;

export const QUERY_SERVICE_CONFIGW = {
  size: 64,
  dwStartType: 4,
  lpBinaryPathName: 16,
} as const;

export const SERVICE_TABLE_ENTRYW = { size: 16, lpServiceName: 0, lpServiceProc: 8 } as const;

export const SERVICE_DESCRIPTIONW = { size: 8, lpDescription: 0 } as const;

export const SERVICE_FAILURE_ACTIONSW = {
  size: 40,
  dwResetPeriod: 0,
  lpRebootMsg: 8,
  lpCommand: 16,
  cActions: 24,
  lpsaActions: 32,
} as const;

export const SC_ACTION = { size: 8, Type: 0, Delay: 4 } as const;

export const SERVICE_FAILURE_ACTIONS_FLAG = {
  size: 4,
  fFailureActionsOnNonCrashFailures: 0,
} as const;

export const SERVICE_SID_INFO = { size: 4, dwServiceSidType: 0 } as const;

export const SERVICE_REQUIRED_PRIVILEGES_INFOW = { size: 8, pmszRequiredPrivileges: 0 } as const;

export const SERVICE_DELAYED_AUTO_START_INFO = { size: 4, fDelayedAutostart: 0 } as const;

/** Levels of ChangeServiceConfig2W. */
export const ConfigLevel = {
  SERVICE_CONFIG_DESCRIPTION: 1,
  SERVICE_CONFIG_FAILURE_ACTIONS: 2,
  SERVICE_CONFIG_DELAYED_AUTO_START_INFO: 3,
  SERVICE_CONFIG_FAILURE_ACTIONS_FLAG: 4,
  SERVICE_CONFIG_SERVICE_SID_INFO: 5,
  SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO: 6,
} as const;

export const SERVICE_WIN32_OWN_PROCESS = 0x10;
export const SERVICE_SID_TYPE_UNRESTRICTED = 1;
const SC_ACTION_RESTART = 1;

export interface ServiceStatus {
  readonly state: number;
  readonly controlsAccepted: number;
  readonly exitCode: number;
  readonly specificExitCode: number;
  readonly checkPoint: number;
  readonly waitHintMs: number;
}

export function encodeStatus(status: ServiceStatus): Uint8Array {
  const structure = new Structure(SERVICE_STATUS.size);
  structure.setNumber(SERVICE_STATUS.dwServiceType, SERVICE_WIN32_OWN_PROCESS);
  structure.setNumber(SERVICE_STATUS.dwCurrentState, status.state);
  structure.setNumber(SERVICE_STATUS.dwControlsAccepted, status.controlsAccepted);
  structure.setNumber(SERVICE_STATUS.dwWin32ExitCode, status.exitCode);
  structure.setNumber(SERVICE_STATUS.dwServiceSpecificExitCode, status.specificExitCode);
  structure.setNumber(SERVICE_STATUS.dwCheckPoint, status.checkPoint);
  structure.setNumber(SERVICE_STATUS.dwWaitHint, status.waitHintMs);
  return structure.bytes;
}

/** Returns a table with the only service of a process, and the entry that ends the table. */
export function encodeServiceTable(name: string, serviceMain: bigint): Uint8Array {
  const table = new Structure(2 * SERVICE_TABLE_ENTRYW.size);
  table.setPointer(SERVICE_TABLE_ENTRYW.lpServiceName, wideString(name));
  table.setPointer(SERVICE_TABLE_ENTRYW.lpServiceProc, serviceMain);
  return table.bytes;
}

export function encodeDescription(text: string): Uint8Array {
  const structure = new Structure(SERVICE_DESCRIPTIONW.size);
  structure.setPointer(SERVICE_DESCRIPTIONW.lpDescription, wideString(text));
  return structure.bytes;
}

/** Encodes restarts after each of `delaysMs`; the last delay applies to all further failures. */
export function encodeRestarts(delaysMs: readonly number[], resetSeconds: number): Uint8Array {
  const actions = new Structure(delaysMs.length * SC_ACTION.size);
  for (const [index, delay] of delaysMs.entries()) {
    actions.setNumber(index * SC_ACTION.size + SC_ACTION.Type, SC_ACTION_RESTART);
    actions.setNumber(index * SC_ACTION.size + SC_ACTION.Delay, delay);
  }
  const structure = new Structure(SERVICE_FAILURE_ACTIONSW.size);
  structure.setNumber(SERVICE_FAILURE_ACTIONSW.dwResetPeriod, resetSeconds);
  structure.setNumber(SERVICE_FAILURE_ACTIONSW.cActions, delaysMs.length);
  structure.setPointer(SERVICE_FAILURE_ACTIONSW.lpsaActions, actions.bytes);
  return structure.bytes;
}

export function encodePrivileges(names: readonly string[]): Uint8Array {
  const structure = new Structure(SERVICE_REQUIRED_PRIVILEGES_INFOW.size);
  const { pmszRequiredPrivileges } = SERVICE_REQUIRED_PRIVILEGES_INFOW;
  structure.setPointer(pmszRequiredPrivileges, wideStrings(names));
  return structure.bytes;
}

/** For the levels whose structure is one number. */
export function encodeNumber(value: number): Uint8Array {
  const structure = new Structure(4);
  structure.setNumber(0, value);
  return structure.bytes;
}
