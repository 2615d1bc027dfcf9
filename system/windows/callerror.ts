/** One error for all functions of Windows that fail, with advice on what to do. */
import { isHresult, lastError, Win32Error, win32ErrorText } from './win32.js';

/** What to do about ERROR_ACCESS_DENIED. */
export const AS_ADMINISTRATOR = 'run it as administrator, in an elevated prompt';

const EPT_S_NOT_REGISTERED = 1753;
const RPC_S_SERVER_UNAVAILABLE = 1722;
const GONE = 'the interface or its protocol is gone; bring the tunnel up again';
const NO_FILTER_ENGINE = 'start the Base Filtering Engine: net start bfe';

/** The advice for each error. */
const ADVICE = {
  ofAll: new Map<number, string>([[Win32Error.ERROR_ACCESS_DENIED, AS_ADMINISTRATOR]]),
  /** For the functions that configure the network, where more errors have a single cause. */
  ofNetwork: new Map<number, string>([
    [Win32Error.ERROR_NOT_FOUND, GONE],
    [Win32Error.ERROR_FILE_NOT_FOUND, GONE],
    [
      Win32Error.ERROR_OBJECT_ALREADY_EXISTS,
      'something else on this machine already has it; remove that first',
    ],
    [
      Win32Error.ERROR_NOT_SUPPORTED,
      'the protocol is disabled for this interface; enable it in its properties',
    ],
    [EPT_S_NOT_REGISTERED, NO_FILTER_ENGINE],
    [RPC_S_SERVER_UNAVAILABLE, NO_FILTER_ENGINE],
  ]),
} as const;

function networkAdviceFor(windowsCode: number): string {
  const known = ADVICE.ofAll.get(windowsCode) ?? ADVICE.ofNetwork.get(windowsCode);
  if (known !== undefined) return known;
  return isHresult(windowsCode)
    ? 'look the number up among the WFP error codes'
    : `"net helpmsg ${windowsCode}" explains it`;
}

/** A function of Windows failed. The message is one line with its name, the error and advice. */
export class WindowsCallError extends Error {
  /** The name of the function, such as `CreateServiceW`. */
  readonly function: string;
  readonly windowsCode: number;

  constructor(
    name: string,
    windowsCode: number,
    subject?: string,
    advice: string | undefined = ADVICE.ofAll.get(windowsCode),
  ) {
    const about = subject === undefined ? '' : ` for ${subject}`;
    const toDo = advice === undefined ? '' : `: ${advice}`;
    super(`${name} failed${about}: ${win32ErrorText(windowsCode)}${toDo}`);
    this.name = 'WindowsCallError';
    this.function = name;
    this.windowsCode = windowsCode;
  }
}

/** Returns the error of a function that failed. To be called right after it. */
export function callFailed(name: string, subject?: string): WindowsCallError {
  return new WindowsCallError(name, lastError(), subject);
}

/** Returns the error of a function that configures the network. */
export function networkCallError(name: string, windowsCode: number): WindowsCallError {
  return new WindowsCallError(name, windowsCode, undefined, networkAdviceFor(windowsCode));
}

/** Checks the error code that a function to configure the network returned. Throws WindowsCallError. */
export function checkNetworkCall(name: string, windowsCode: number): void {
  if (windowsCode !== Win32Error.ERROR_SUCCESS) throw networkCallError(name, windowsCode);
}

export function isCallError(error: unknown, ...codes: number[]): boolean {
  return error instanceof WindowsCallError && codes.includes(error.windowsCode);
}

/** Returns whether the error means that there is nothing left to undo. */
export function isGone(error: unknown): boolean {
  const { ERROR_NOT_FOUND, ERROR_FILE_NOT_FOUND } = Win32Error;
  return isCallError(error, ERROR_NOT_FOUND, ERROR_FILE_NOT_FOUND);
}
