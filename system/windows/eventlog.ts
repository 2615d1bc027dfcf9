/** Writes to the event log of Windows. */
import { callFailed, WindowsCallError } from './callerror.js';
import { Structure, wideString } from './memory.js';
import { bindAll, Win32Error } from './win32.js';

/** A negative number of 32 bits, sign-extended to 64. */
const HKEY_LOCAL_MACHINE = 0xffff_ffff_8000_0002n;
const KEY_WRITE = 0x20006;
const REG_EXPAND_SZ = 2;
const REG_DWORD = 4;
const ALL_TYPES = 7;
/** Its messages 1 to 1000 consist only of the text passed to them. */
const MESSAGE_FILE = '%SystemRoot%\\System32\\EventCreate.exe';
const MESSAGE = 1;
const TYPES = { error: 1, warning: 2, information: 4 } as const;
/** ReportEventW accepts strings of up to 31,839 characters. */
const MAX_CHARACTERS = 30_000;

export type EventType = keyof typeof TYPES;

interface Functions {
  RegisterEventSourceW(server: null, source: string): number;
  DeregisterEventSource(log: number): number;
  ReportEventW(
    log: number,
    type: number,
    category: number,
    id: number,
    user: null,
    strings: number,
    bytes: number,
    texts: Uint8Array,
    data: null,
  ): number;
  RegCreateKeyExW(
    parent: bigint,
    name: string,
    reserved: number,
    kind: null,
    options: number,
    access: number,
    security: null,
    key: Uint8Array,
    disposition: null,
  ): number;
  RegSetValueExW(
    key: bigint,
    name: string,
    reserved: number,
    type: number,
    data: Uint8Array,
    bytes: number,
  ): number;
  RegCloseKey(key: bigint): number;
  RegDeleteKeyW(parent: bigint, name: string): number;
}

const SIGNATURES: Readonly<Record<keyof Functions, string>> = {
  RegisterEventSourceW:
    'uintptr_t __stdcall RegisterEventSourceW(const char16_t *server, const char16_t *source)',
  DeregisterEventSource: 'int __stdcall DeregisterEventSource(uintptr_t log)',
  ReportEventW:
    'int __stdcall ReportEventW(uintptr_t log, uint16_t type, uint16_t category, uint32_t id, void *user, uint16_t strings, uint32_t bytes, void *texts, void *data)',
  RegCreateKeyExW:
    'int32_t __stdcall RegCreateKeyExW(uintptr_t parent, const char16_t *name, uint32_t reserved, void *kind, uint32_t options, uint32_t access, void *security, void *key, void *disposition)',
  RegSetValueExW:
    'int32_t __stdcall RegSetValueExW(uintptr_t key, const char16_t *name, uint32_t reserved, uint32_t type, void *data, uint32_t bytes)',
  RegCloseKey: 'int32_t __stdcall RegCloseKey(uintptr_t key)',
  RegDeleteKeyW: 'int32_t __stdcall RegDeleteKeyW(uintptr_t parent, const char16_t *name)',
};

let bound: Functions | undefined;

function functions(): Functions {
  bound ??= bindAll<Functions>('advapi32.dll', SIGNATURES);
  return bound;
}

export interface EventLog {
  /** Logs one line. Never throws: what cannot be logged is lost. */
  report(type: EventType, text: string): void;
  close(): void;
}

/** Opens the event log. Throws WindowsCallError. */
export function openEventLog(source: string): EventLog {
  const { RegisterEventSourceW, DeregisterEventSource, ReportEventW } = functions();
  const log = RegisterEventSourceW(null, source);
  if (log === 0) throw callFailed('RegisterEventSourceW', source);
  let isOpen = true;
  return {
    report(type, text) {
      if (!isOpen) return;
      const texts = new Structure(8);
      texts.setPointer(0, wideString(text.slice(0, MAX_CHARACTERS)));
      ReportEventW(log, TYPES[type], 0, MESSAGE, null, 1, 0, texts.bytes, null);
    },
    close() {
      if (isOpen) DeregisterEventSource(log);
      isOpen = false;
    },
  };
}

/** Makes the event viewer show the texts of `source` unchanged. Throws WindowsCallError. */
export function registerEventSource(source: string): void {
  const { RegCreateKeyExW, RegSetValueExW, RegCloseKey } = functions();
  const answer = new Structure(8);
  const created = RegCreateKeyExW(
    HKEY_LOCAL_MACHINE,
    keyOf(source),
    0,
    null,
    0,
    KEY_WRITE,
    null,
    answer.bytes,
    null,
  );
  if (created !== 0) throw new WindowsCallError('RegCreateKeyExW', created, source);
  const key = answer.pointer(0);
  const set = (name: string, type: number, data: Uint8Array): void => {
    const code = RegSetValueExW(key, name, 0, type, data, data.length);
    if (code !== 0) throw new WindowsCallError('RegSetValueExW', code, name);
  };
  try {
    set('EventMessageFile', REG_EXPAND_SZ, wideString(MESSAGE_FILE));
    const types = new Structure(4);
    types.setNumber(0, ALL_TYPES);
    set('TypesSupported', REG_DWORD, types.bytes);
  } finally {
    RegCloseKey(key);
  }
}

/** A source that is not registered is no failure. Throws WindowsCallError. */
export function unregisterEventSource(source: string): void {
  const code = functions().RegDeleteKeyW(HKEY_LOCAL_MACHINE, keyOf(source));
  if (code !== 0 && code !== Win32Error.ERROR_FILE_NOT_FOUND)
    throw new WindowsCallError('RegDeleteKeyW', code, source);
}

function keyOf(source: string): string {
  return `SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\${source}`;
}
