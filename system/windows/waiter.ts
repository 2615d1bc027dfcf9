/** Waits for events of Windows without a thread for each of them. */
import { callFailed } from './callerror.js';
import { systemLibrary } from './libraries.js';

/** A watched event: `onSignal` is called in the event loop each time it was signalled. */
interface Watched {
  /** A duplicated handle: the owner of the event may close the original at any time. */
  readonly event: number;
  readonly onSignal: () => void;
  readonly onTimeout: () => void;
}

interface Kernel32 {
  CreateEventW(attributes: null, manualReset: number, initial: number, name: null): number;
  SetEvent(event: number): number;
  CloseHandle(handle: number): number;
  GetCurrentProcess(): number | bigint;
  DuplicateHandle(
    from: number | bigint,
    handle: number,
    to: number | bigint,
    duplicate: Uint8Array,
    access: number,
    inherit: number,
    options: number,
  ): number;
  WaitForMultipleObjects: {
    async(
      count: number,
      events: Uint8Array,
      waitAll: number,
      milliseconds: number,
      callback: (error: unknown, result: number) => void,
    ): void;
  };
}

/** MAXIMUM_WAIT_OBJECTS minus our own event. */
const MAX_WATCHED = 63;
const WAIT_FAILED = 0xffffffff;

let kernel32: Kernel32 | undefined;

function functions(): Kernel32 {
  if (kernel32) return kernel32;
  const library = systemLibrary('kernel32.dll');
  kernel32 = {
    CreateEventW: library.func(
      'uintptr_t __stdcall CreateEventW(void *attributes, int manual, int initial, void *name)',
    ),
    SetEvent: library.func('int __stdcall SetEvent(uintptr_t event)'),
    CloseHandle: library.func('int __stdcall CloseHandle(uintptr_t handle)'),
    GetCurrentProcess: library.func('uintptr_t __stdcall GetCurrentProcess()'),
    DuplicateHandle: library.func(
      'int __stdcall DuplicateHandle(uintptr_t from, uintptr_t handle, uintptr_t to, void *duplicate, uint32_t access, int inherit, uint32_t options)',
    ),
    WaitForMultipleObjects: library.func(
      'uint32_t __stdcall WaitForMultipleObjects(uint32_t count, void *events, int all, uint32_t milliseconds)',
    ) as unknown as Kernel32['WaitForMultipleObjects'],
  };
  return kernel32;
}

/**
 * One thread of libuv's small pool waits for the events of all interfaces, so that even many of them leave
 * the other threads for name lookups. The wait ends after `milliseconds` in any case and calls `onTimeout`,
 * so that a missed signal does no harm.
 */
export class Waiter {
  readonly #milliseconds: number;
  readonly #watched: Watched[] = [];
  /** Handles that the thread may still be waiting for. */
  readonly #left: number[] = [];
  #changed = 0;
  #isWaiting = false;

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
  }

  /** Returns a function that ends the watch; the event may be closed right after that. */
  watch(event: number, onSignal: () => void, onTimeout: () => void): () => void {
    if (this.#watched.length === MAX_WATCHED)
      throw new Error(`no more than ${MAX_WATCHED} interfaces in one process`);
    const watched: Watched = { event: duplicate(event), onSignal, onTimeout };
    this.#watched.push(watched);
    this.#changed ||= functions().CreateEventW(null, 0, 0, null);
    this.#lookAgain();
    return () => {
      const index = this.#watched.indexOf(watched);
      if (index < 0) return;
      this.#watched.splice(index, 1);
      this.#left.push(watched.event);
      this.#lookAgain();
    };
  }

  /** Makes the thread wait for the events that are watched now. */
  #lookAgain(): void {
    if (this.#isWaiting) functions().SetEvent(this.#changed);
    else this.#wait();
  }

  #wait(): void {
    for (const event of this.#left.splice(0)) functions().CloseHandle(event);
    if (this.#watched.length === 0) return;
    const watched = [...this.#watched];
    const events = new BigUint64Array([this.#changed, ...watched.map((w) => w.event)].map(BigInt));
    this.#isWaiting = true;
    functions().WaitForMultipleObjects.async(
      events.length,
      new Uint8Array(events.buffer),
      0,
      this.#milliseconds,
      (error, result) => {
        this.#isWaiting = false;
        this.#wait();
        this.#tell(watched, error ? WAIT_FAILED : result);
      },
    );
  }

  #tell(watched: readonly Watched[], result: number): void {
    const signalled = watched[result - 1];
    if (signalled) {
      if (this.#watched.includes(signalled)) signalled.onSignal();
    } else if (result !== 0)
      for (const one of watched) if (this.#watched.includes(one)) one.onTimeout();
  }
}

const DUPLICATE_SAME_ACCESS = 2;

function duplicate(event: number): number {
  const { GetCurrentProcess, DuplicateHandle } = functions();
  const own = GetCurrentProcess();
  const handle = new BigUint64Array(1);
  const bytes = new Uint8Array(handle.buffer);
  if (DuplicateHandle(own, event, own, bytes, 0, 0, DUPLICATE_SAME_ACCESS) === 0)
    throw callFailed('DuplicateHandle');
  return Number(handle[0]);
}
