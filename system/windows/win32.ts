/** Binds functions of Windows, and handles their errors as numbers and names. */
import { type SystemLibrary, systemLibrary } from './libraries.js';

/** The errors with a name here; any other is shown by its number. */
export const Win32Error = {
  ERROR_SUCCESS: 0,
  ERROR_FILE_NOT_FOUND: 2,
  ERROR_PATH_NOT_FOUND: 3,
  ERROR_ACCESS_DENIED: 5,
  ERROR_INVALID_HANDLE: 6,
  ERROR_NOT_ENOUGH_MEMORY: 8,
  ERROR_INVALID_DATA: 13,
  ERROR_GEN_FAILURE: 31,
  ERROR_HANDLE_EOF: 38,
  ERROR_NOT_SUPPORTED: 50,
  ERROR_INVALID_PARAMETER: 87,
  ERROR_BUFFER_OVERFLOW: 111,
  ERROR_INSUFFICIENT_BUFFER: 122,
  ERROR_INVALID_LEVEL: 124,
  ERROR_MOD_NOT_FOUND: 126,
  ERROR_PROC_NOT_FOUND: 127,
  ERROR_ALREADY_EXISTS: 183,
  ERROR_BAD_EXE_FORMAT: 193,
  ERROR_NO_MORE_ITEMS: 259,
  ERROR_MORE_DATA: 234,
  ERROR_SERVICE_REQUEST_TIMEOUT: 1053,
  ERROR_SERVICE_DISABLED: 1058,
  ERROR_FAILED_SERVICE_CONTROLLER_CONNECT: 1063,
  ERROR_SERVICE_EXISTS: 1073,
  ERROR_SERVICE_DOES_NOT_EXIST: 1060,
  ERROR_SERVICE_ALREADY_RUNNING: 1056,
  ERROR_SERVICE_CANNOT_ACCEPT_CTRL: 1061,
  ERROR_SERVICE_NOT_ACTIVE: 1062,
  ERROR_SERVICE_MARKED_FOR_DELETE: 1072,
  ERROR_NOT_FOUND: 1168,
  ERROR_OBJECT_ALREADY_EXISTS: 5010,
} as const;

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(Win32Error).map(([name, code]) => [code, name]),
);

/** Returns whether the code is outside of Windows' own errors: FWP_E_*, NTE_*. */
export function isHresult(code: number): boolean {
  return code > 0xffff;
}

/** Returns `ERROR_ACCESS_DENIED (5)`, or only the number: `error 1234`, for an HRESULT in hexadecimal. */
export function win32ErrorText(code: number): string {
  const name = NAMES.get(code);
  if (name !== undefined) return `${name} (${code})`;
  return `error ${isHresult(code) ? `0x${code.toString(16)}` : code}`;
}

let getLastError: (() => number) | undefined;

/** Returns this thread's last error. To be called right after the failure: any other call may change it. */
export function lastError(): number {
  getLastError ??= systemLibrary('kernel32.dll').func('uint32_t __stdcall GetLastError()');
  return (getLastError as () => number)();
}

/** Binds `lastError` early, so that reading an error later does not load anything in between. */
export function prepareLastError(): void {
  lastError();
}

/** Returns all functions of `signatures`, by name. Call `lastError` right after one of them fails. */
export function bindAll<T>(
  library: SystemLibrary,
  signatures: Readonly<Record<keyof T, string>>,
): T {
  const handle = systemLibrary(library);
  prepareLastError();
  const all = Object.entries<string>(signatures).map(([name, c]) => [name, handle.func(c)]);
  return Object.fromEntries(all) as T;
}
