import { AS_ADMINISTRATOR } from '../../../system/windows/callerror.js';
import { Win32Error, win32ErrorText } from '../../../system/windows/win32.js';
import { TunError, type TunErrorCode } from '../../errors.js';

interface Meaning {
  readonly code: TunErrorCode;
  readonly advice: string;
}

const {
  ERROR_FILE_NOT_FOUND,
  ERROR_ACCESS_DENIED,
  ERROR_INVALID_DATA,
  ERROR_HANDLE_EOF,
  ERROR_INVALID_PARAMETER,
  ERROR_BUFFER_OVERFLOW,
  ERROR_ALREADY_EXISTS,
  ERROR_NOT_FOUND,
} = Win32Error;

const MEANINGS: ReadonlyMap<number, Meaning> = new Map<number, Meaning>([
  [ERROR_ACCESS_DENIED, { code: 'ERR_NOT_ROOT', advice: AS_ADMINISTRATOR }],
  [
    ERROR_FILE_NOT_FOUND,
    { code: 'ERR_NO_TUN', advice: 'the Wintun driver is not loaded; the first adapter loads it' },
  ],
  [
    ERROR_ALREADY_EXISTS,
    { code: 'ERR_INTERFACE_EXISTS', advice: 'an adapter with this name or GUID already exists' },
  ],
  [ERROR_NOT_FOUND, { code: 'ERR_TUN', advice: 'there is no adapter of this name' }],
  [ERROR_HANDLE_EOF, { code: 'ERR_TUN', advice: 'the adapter is gone; bring the tunnel up again' }],
  [
    ERROR_INVALID_DATA,
    { code: 'ERR_TUN', advice: 'the ring is corrupt; a new session repairs it' },
  ],
  [ERROR_BUFFER_OVERFLOW, { code: 'ERR_TUN', advice: 'the ring is full' }],
  [ERROR_INVALID_PARAMETER, { code: 'ERR_TUN', advice: 'an argument is not allowed' }],
]);

const OTHER: Meaning = {
  code: 'ERR_TUN',
  advice: 'wg-ts wintun status shows the versions of wintun.dll and its driver',
};

/** A function of wintun.dll failed. The message is one line with the error's name and what to do. */
export class WintunError extends TunError {
  /** Such as `WintunCreateAdapter`. */
  readonly function: string;
  /** The result of GetLastError. */
  readonly windowsCode: number;

  constructor(name: string, windowsCode: number) {
    const { code, advice } = MEANINGS.get(windowsCode) ?? OTHER;
    super(code, `${name} failed with ${win32ErrorText(windowsCode)}: ${advice}`);
    this.name = 'TunError';
    this.function = name;
    this.windowsCode = windowsCode;
  }
}
