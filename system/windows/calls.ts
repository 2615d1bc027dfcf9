import { Win32Error, win32ErrorText } from './win32.js';

/** A function of Windows has answered an error. */
export class CallError extends Error {
  readonly code: number;

  constructor(functionName: string, code: number) {
    super(`${functionName} failed: ${codeText(code)}: ${advice(code)}`);
    this.name = 'CallError';
    this.code = code;
  }
}

/** Throws CallError unless `code` is success. */
export function check(functionName: string, code: number): void {
  if (code !== Win32Error.ERROR_SUCCESS) throw new CallError(functionName, code);
}

export function isCallError(error: unknown, ...codes: number[]): boolean {
  return error instanceof CallError && codes.includes(error.code);
}

/** What there is no more to undo of. */
export function isGone(error: unknown): boolean {
  const { ERROR_NOT_FOUND, ERROR_FILE_NOT_FOUND } = Win32Error;
  return isCallError(error, ERROR_NOT_FOUND, ERROR_FILE_NOT_FOUND);
}

/** FWP_E_* are HRESULTs, which are known by their hexadecimal form. */
function codeText(code: number): string {
  return code > 0xffff ? `error 0x${code.toString(16)}` : win32ErrorText(code);
}

const EPT_S_NOT_REGISTERED = 1753;
const RPC_S_SERVER_UNAVAILABLE = 1722;

function advice(code: number): string {
  switch (code) {
    case Win32Error.ERROR_ACCESS_DENIED:
      return 'run it as administrator, from an elevated terminal';
    case Win32Error.ERROR_NOT_FOUND:
    case Win32Error.ERROR_FILE_NOT_FOUND:
      return 'the interface or its protocol is gone; bring the tunnel up again';
    case Win32Error.ERROR_OBJECT_ALREADY_EXISTS:
      return 'something else on this machine has it already; remove that first';
    case Win32Error.ERROR_NOT_SUPPORTED:
      return 'the protocol is disabled for this interface; enable it in its properties';
    case EPT_S_NOT_REGISTERED:
    case RPC_S_SERVER_UNAVAILABLE:
      return 'start the Base Filtering Engine: net start bfe';
    default:
      return code > 0xffff
        ? 'look the number up among the WFP error codes'
        : `"net helpmsg ${code}" tells what it means`;
  }
}
