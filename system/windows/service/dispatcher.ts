/** The process of a service that Windows has started: handles its controls and reports its status. */
import { callFailed, WindowsCallError } from '../callerror.js';
import { koffi, systemLibrary } from '../libraries.js';
import { prepareLastError, Win32Error } from '../win32.js';
import { encodeServiceTable, encodeStatus } from './structs.js';

const SERVICE_STOPPED = 1;
const SERVICE_START_PENDING = 2;
const SERVICE_STOP_PENDING = 3;
const SERVICE_RUNNING = 4;
const SERVICE_CONTROL_STOP = 1;
const SERVICE_CONTROL_INTERROGATE = 4;
const SERVICE_CONTROL_SHUTDOWN = 5;
const SERVICE_ACCEPT_STOP = 1;
const SERVICE_ACCEPT_SHUTDOWN = 4;
const NO_ERROR = 0;
const ERROR_CALL_NOT_IMPLEMENTED = 120;
const ERROR_SERVICE_SPECIFIC_ERROR = 1066;
/** How long Windows waits for the next status while the service starts or stops. */
const WAIT_HINT_MS = 10_000;
const SIGN_OF_LIFE_MS = 2000;

export interface ServiceProcess {
  /** To be called once the service has begun its work. */
  running(): void;
}

export interface ServiceBody {
  readonly name: string;
  /**
   * Does the service's work, from its start to its end. Resolves to its exit code: anything but 0 is a
   * failure that makes Windows start it again, unless `stop` was aborted.
   */
  run(stop: AbortSignal, service: ServiceProcess): Promise<number>;
}

interface Functions {
  RegisterServiceCtrlHandlerExW(name: string, handler: unknown, context: null): number;
  SetServiceStatus(status: number, info: Uint8Array): number;
  StartServiceCtrlDispatcherW: {
    async(table: Uint8Array, done: (error: unknown, isDone: number) => void): void;
  };
  readonly mainType: unknown;
  readonly handlerType: unknown;
}

let bound: Functions | undefined;

function functions(): Functions {
  if (bound) return bound;
  const advapi32 = systemLibrary('advapi32.dll');
  const { proto, pointer } = koffi();
  prepareLastError();
  const main = 'void __stdcall WG_TS_SERVICE_MAIN(uint32_t count, void *args)';
  const handler =
    'uint32_t __stdcall WG_TS_SERVICE_HANDLER(uint32_t control, uint32_t type, void *data, void *context)';
  const mainType = pointer(proto(main));
  const handlerType = pointer(proto(handler));
  bound = {
    mainType,
    handlerType,
    RegisterServiceCtrlHandlerExW: advapi32.func(
      'uintptr_t __stdcall RegisterServiceCtrlHandlerExW(const char16_t *name, WG_TS_SERVICE_HANDLER *handler, void *context)',
    ),
    SetServiceStatus: advapi32.func('int __stdcall SetServiceStatus(uintptr_t status, void *info)'),
    StartServiceCtrlDispatcherW: advapi32.func(
      'int __stdcall StartServiceCtrlDispatcherW(void *table)',
    ) as unknown as Functions['StartServiceCtrlDispatcherW'],
  };
  return bound;
}

/**
 * Runs the service until it has stopped, and resolves to its exit code. Windows calls us on its own threads,
 * which wait until the event loop has run the callback, so a callback only records the request. Rejects with
 * WindowsCallError ERROR_FAILED_SERVICE_CONTROLLER_CONNECT when Windows did not start this process.
 */
export async function runService(body: ServiceBody): Promise<number> {
  const { mainType, handlerType, RegisterServiceCtrlHandlerExW, StartServiceCtrlDispatcherW } =
    functions();
  const stop = new AbortController();
  const status = new StatusTeller();
  let code: Promise<number> = Promise.resolve(1);

  const handler = koffi().register((control: number): number => {
    switch (control) {
      case SERVICE_CONTROL_STOP:
      case SERVICE_CONTROL_SHUTDOWN:
        status.pending(SERVICE_STOP_PENDING);
        setImmediate(() => stop.abort());
        return NO_ERROR;
      case SERVICE_CONTROL_INTERROGATE:
        return NO_ERROR;
      default:
        return ERROR_CALL_NOT_IMPLEMENTED;
    }
  }, handlerType as never);
  const main = koffi().register((): void => {
    const handle = RegisterServiceCtrlHandlerExW(body.name, handler, null);
    if (handle === 0) return;
    status.begin(handle);
    code = work(body, stop.signal, status);
  }, mainType as never);

  const table = encodeServiceTable(body.name, BigInt(koffi().address(main)));
  try {
    await new Promise<void>((resolve, reject) => {
      StartServiceCtrlDispatcherW.async(table, (error, isDone) => {
        if (error) reject(error);
        else if (isDone === 0) reject(dispatcherFailed());
        else resolve();
      });
    });
  } finally {
    koffi().unregister(main);
    koffi().unregister(handler);
  }
  return await code;
}

/** The call was made by another thread, whose last error cannot be read here. */
function dispatcherFailed(): WindowsCallError {
  const code = Win32Error.ERROR_FAILED_SERVICE_CONTROLLER_CONNECT;
  return new WindowsCallError('StartServiceCtrlDispatcherW', code);
}

async function work(body: ServiceBody, stop: AbortSignal, status: StatusTeller): Promise<number> {
  let code = 1;
  try {
    code = await body.run(stop, { running: () => status.running() });
  } finally {
    // A service that was asked to stop has not failed, even if it was still starting.
    status.stopped(stop.aborted ? 0 : code);
  }
  return code;
}

class StatusTeller {
  #handle = 0;
  #checkPoint = 0;
  #timer: NodeJS.Timeout | undefined;
  #isStopping = false;

  begin(handle: number): void {
    this.#handle = handle;
    this.pending(SERVICE_START_PENDING);
  }

  /** Keeps reporting progress, since name servers and drivers can be slow. */
  pending(state: number): void {
    if (state === SERVICE_STOP_PENDING) this.#isStopping = true;
    clearInterval(this.#timer);
    this.#checkPoint = 0;
    const tell = (): void => {
      this.#checkPoint += 1;
      this.#tell(state, 0, { checkPoint: this.#checkPoint, waitHintMs: WAIT_HINT_MS });
    };
    this.#timer = setInterval(tell, SIGN_OF_LIFE_MS);
    tell();
  }

  running(): void {
    if (this.#isStopping) return;
    clearInterval(this.#timer);
    this.#tell(SERVICE_RUNNING, SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_SHUTDOWN, {});
  }

  stopped(exitCode: number): void {
    clearInterval(this.#timer);
    this.#tell(SERVICE_STOPPED, 0, { specificExitCode: exitCode });
  }

  #tell(
    state: number,
    controlsAccepted: number,
    details: { checkPoint?: number; waitHintMs?: number; specificExitCode?: number },
  ): void {
    const { checkPoint = 0, waitHintMs = 0, specificExitCode = 0 } = details;
    const info = encodeStatus({
      state,
      controlsAccepted,
      exitCode: specificExitCode === 0 ? NO_ERROR : ERROR_SERVICE_SPECIFIC_ERROR,
      specificExitCode,
      checkPoint,
      waitHintMs,
    });
    if (functions().SetServiceStatus(this.#handle, info) === 0)
      throw callFailed('SetServiceStatus');
  }
}
