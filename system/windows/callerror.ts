import { lastError, Win32Error, win32ErrorText } from './win32.js';

/** A function of Windows failed. The message is one line with its name, the error and what to do. */
export class WindowsCallError extends Error {
  /** Such as `CreateServiceW`. */
  readonly function: string;
  readonly windowsCode: number;

  constructor(name: string, windowsCode: number, subject?: string) {
    const about = subject === undefined ? '' : ` for ${subject}`;
    super(`${name} failed${about} with ${win32ErrorText(windowsCode)}${adviceFor(windowsCode)}`);
    this.name = 'WindowsCallError';
    this.function = name;
    this.windowsCode = windowsCode;
  }
}

function adviceFor(code: number): string {
  return code === Win32Error.ERROR_ACCESS_DENIED
    ? ': run it as administrator, in an elevated prompt'
    : '';
}

/** To be called right after what failed. */
export function callFailed(name: string, subject?: string): WindowsCallError {
  return new WindowsCallError(name, lastError(), subject);
}
