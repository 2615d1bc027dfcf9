import { callFailed } from '../../system/windows/callerror.js';
import { systemLibrary } from '../../system/windows/libraries.js';
import type { IpHelper } from './iphelper.js';

/**
 * Detects changes of routes or interfaces.
 *
 * Windows reports them by a callback on its own threads. The callback is Windows' SetEvent function,
 * with an event as the context: so no foreign thread enters JavaScript, where it would have to wait for
 * the event loop, while the cancellation, on the event loop, waits for that callback to end.
 */
export class ChangeSignal {
  readonly #helper: IpHelper;
  readonly #kernel = kernel();
  readonly #event: bigint;
  #handles: bigint[] = [];

  /** Throws WindowsCallError. */
  constructor(helper: IpHelper) {
    this.#helper = helper;
    // An auto-reset event: the wait that finds it set resets it.
    this.#event = this.#kernel.CreateEventW(null, 0, 0, null);
    if (this.#event === 0n) throw callFailed('CreateEventW');
    try {
      this.#handles = helper.notifyChanges(this.#kernel.setEvent, this.#event);
    } catch (error) {
      this.#kernel.CloseHandle(this.#event);
      throw error;
    }
  }

  take(): boolean {
    return this.#kernel.WaitForSingleObject(this.#event, 0) === WAIT_OBJECT_0;
  }

  close(): void {
    const handles = this.#handles;
    if (handles.length === 0) return;
    this.#handles = [];
    for (const handle of handles) this.#helper.cancelNotification(handle);
    // Not earlier: until then it may still be set.
    this.#kernel.CloseHandle(this.#event);
  }
}

const WAIT_OBJECT_0 = 0;

interface Kernel {
  readonly CreateEventW: (security: null, manual: number, initial: number, name: null) => bigint;
  readonly WaitForSingleObject: (handle: bigint, milliseconds: number) => number;
  readonly CloseHandle: (handle: bigint) => number;
  /** The address of SetEvent. */
  readonly setEvent: bigint;
}

let bound: Kernel | undefined;

function kernel(): Kernel {
  bound ??= load();
  return bound;
}

function load(): Kernel {
  const library = systemLibrary('kernel32.dll');
  const moduleHandle: (name: string) => number | bigint = library.func(
    'uint64_t __stdcall GetModuleHandleW(str16 name)',
  );
  const procAddress: (module: bigint, name: string) => number | bigint = library.func(
    'uint64_t __stdcall GetProcAddress(uint64_t module, const char *name)',
  );
  const createEvent: (...args: Parameters<Kernel['CreateEventW']>) => number | bigint =
    library.func(
      'uint64_t __stdcall CreateEventW(void *security, int manual, int initial, void *name)',
    );
  return {
    // koffi returns small numbers as a Number.
    CreateEventW: (...args) => BigInt(createEvent(...args)),
    WaitForSingleObject: library.func(
      'uint32_t __stdcall WaitForSingleObject(uint64_t handle, uint32_t milliseconds)',
    ),
    CloseHandle: library.func('int __stdcall CloseHandle(uint64_t handle)'),
    setEvent: BigInt(procAddress(BigInt(moduleHandle('kernel32.dll')), 'SetEvent')),
  };
}
