import { callFailed } from './callerror.js';
import { systemLibrary } from './libraries.js';
import { Structure } from './memory.js';
import { prepareLastError } from './win32.js';

const PROCESS_QUERY_LIMITED_INFORMATION = 0x1000;
const TOKEN_QUERY = 0x8;
const TOKEN_ADJUST_DEFAULT = 0x80;
const TOKEN_USER_CLASS = 1;
const TOKEN_OWNER_CLASS = 4;
const TOKEN_ELEVATION_CLASS = 20;
const STILL_ACTIVE = 259;
/** A SID has at most 68 bytes, and follows the structure that points to it. */
const TOKEN_USER_BYTES = 128;

interface Functions {
  OpenProcess(access: number, inherit: number, pid: number): number;
  GetExitCodeProcess(process: number, code: Uint8Array): number;
  GetProcessTimes(
    process: number,
    created: Uint8Array,
    ended: Uint8Array,
    kernel: Uint8Array,
    user: Uint8Array,
  ): number;
  GetCurrentProcess(): number;
  CloseHandle(handle: number): number;
  OpenProcessToken(process: number, access: number, token: Uint8Array): number;
  GetTokenInformation(
    token: number,
    what: number,
    into: Uint8Array,
    bytes: number,
    needed: Uint8Array,
  ): number;
  SetTokenInformation(token: number, what: number, from: Uint8Array, bytes: number): number;
}

let bound: Functions | undefined;

function functions(): Functions {
  if (bound) return bound;
  const kernel32 = systemLibrary('kernel32.dll');
  const advapi32 = systemLibrary('advapi32.dll');
  prepareLastError();
  bound = {
    OpenProcess: kernel32.func(
      'uintptr_t __stdcall OpenProcess(uint32_t access, int inherit, uint32_t pid)',
    ),
    GetExitCodeProcess: kernel32.func(
      'int __stdcall GetExitCodeProcess(uintptr_t process, void *code)',
    ),
    GetProcessTimes: kernel32.func(
      'int __stdcall GetProcessTimes(uintptr_t process, void *created, void *ended, void *kernel, void *user)',
    ),
    GetCurrentProcess: kernel32.func('uintptr_t __stdcall GetCurrentProcess()'),
    CloseHandle: kernel32.func('int __stdcall CloseHandle(uintptr_t handle)'),
    OpenProcessToken: advapi32.func(
      'int __stdcall OpenProcessToken(uintptr_t process, uint32_t access, void *token)',
    ),
    GetTokenInformation: advapi32.func(
      'int __stdcall GetTokenInformation(uintptr_t token, int what, void *into, uint32_t bytes, void *needed)',
    ),
    SetTokenInformation: advapi32.func(
      'int __stdcall SetTokenInformation(uintptr_t token, int what, void *from, uint32_t bytes)',
    ),
  };
  return bound;
}

/**
 * Returns when a process was created, in units of 100 ns since 1601. Together with its PID this identifies
 * the process. Undefined when it is gone.
 */
export function creationTime(pid: number): bigint | undefined {
  const { OpenProcess, GetExitCodeProcess, GetProcessTimes, CloseHandle } = functions();
  const process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, pid);
  if (process === 0) return undefined;
  try {
    // A process that has ended can be opened for as long as a handle to it is open.
    const code = new Structure(4);
    if (GetExitCodeProcess(process, code.bytes) !== 0 && code.number(0) !== STILL_ACTIVE)
      return undefined;
    const times = new Structure(32);
    const [created, ended, kernel, user] = [0, 8, 16, 24].map((at) =>
      times.bytes.subarray(at, at + 8),
    );
    if (!created || !ended || !kernel || !user) return undefined;
    if (GetProcessTimes(process, created, ended, kernel, user) === 0) return undefined;
    return times.pointer(0);
  } finally {
    CloseHandle(process);
  }
}

/** Returns whether this process has the rights of an administrator, and not only could obtain them. */
export function isElevated(): boolean {
  return withOwnToken(TOKEN_QUERY, (token) => {
    const elevation = new Structure(4);
    const { GetTokenInformation } = functions();
    const needed = new Uint8Array(4);
    if (GetTokenInformation(token, TOKEN_ELEVATION_CLASS, elevation.bytes, 4, needed) === 0)
      throw callFailed('GetTokenInformation');
    return elevation.number(0) !== 0;
  });
}

/**
 * Makes everything that this process creates later belong to its user instead of the administrators.
 * For a service the user is SYSTEM, which wg.exe requires as the owner of a pipe.
 */
export function ownByUser(): void {
  withOwnToken(TOKEN_QUERY | TOKEN_ADJUST_DEFAULT, (token) => {
    const { GetTokenInformation, SetTokenInformation } = functions();
    const user = new Structure(TOKEN_USER_BYTES);
    const needed = new Uint8Array(4);
    if (GetTokenInformation(token, TOKEN_USER_CLASS, user.bytes, TOKEN_USER_BYTES, needed) === 0)
      throw callFailed('GetTokenInformation');
    // TOKEN_USER begins with the pointer that is all of TOKEN_OWNER.
    if (SetTokenInformation(token, TOKEN_OWNER_CLASS, user.bytes, 8) === 0)
      throw callFailed('SetTokenInformation');
  });
}

function withOwnToken<T>(access: number, use: (token: number) => T): T {
  const { OpenProcessToken, GetCurrentProcess, CloseHandle } = functions();
  const token = new Structure(8);
  if (OpenProcessToken(GetCurrentProcess(), access, token.bytes) === 0)
    throw callFailed('OpenProcessToken');
  const handle = Number(token.pointer(0));
  try {
    return use(handle);
  } finally {
    CloseHandle(handle);
  }
}
