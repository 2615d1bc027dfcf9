/** Which data plane a tunnel gets. */
import { availableParallelism } from 'node:os';
import {
  loadNativeLibrary,
  type NativeLibrary,
  NativeUnavailableError,
  selectNativeCrypto,
} from '../../native/binding.js';
import { MAX_WORKERS } from '../../native/layout.js';
import { isOffload, OFFLOADS, type Offload } from '../../native/offloads.js';
import { messageOf, WgTsError } from '../../system/errors.js';

/** `native` is C with threads of its own, `portable` is TypeScript. */
export type DataPlaneKind = 'native' | 'portable';

/** Which data plane moves the packets of a tunnel. */
export interface PlaneOptions {
  /** By default what WG_TS_DATAPLANE says, else `native` where it loads. */
  readonly dataPlane?: DataPlaneKind;
  /** Threads of the native plane, 1 to 16; by default what WG_TS_WORKERS says, else one a core up to 4. */
  readonly workers?: number;
}

const DEFAULT_WORKERS = 4;

/** What was chosen, before anything is opened. */
export interface PlaneChoice {
  /** Undefined: the portable plane. */
  readonly native:
    | {
        readonly library: NativeLibrary;
        readonly workers: number;
        readonly without: ReadonlySet<Offload>;
      }
    | undefined;
  /** Why it is not the native one although nobody asked for the portable one. */
  readonly fallback: string | undefined;
}

/**
 * `hasOwnTun`: packets come from the caller and not from the system; then the native plane is taken
 * only when it is asked for, as they cross JavaScript anyway. `hasOwnTransport`: so do the datagrams;
 * then it is never taken, whatever the environment wants. Throws WgTsError ERR_UNSUPPORTED when
 * the plane that was asked for cannot run, and ERR_USAGE for a setting that makes no sense.
 */
export function choosePlane(
  options: PlaneOptions,
  hasOwnTun: boolean,
  hasOwnTransport: boolean = false,
): PlaneChoice {
  const portable: PlaneChoice = { native: undefined, fallback: undefined };
  if (hasOwnTransport && options.dataPlane === 'native')
    throw new WgTsError(
      'ERR_UNSUPPORTED',
      'a transport of the program’s own goes with the portable data plane',
      { hint: 'leave dataPlane away, or transport' },
    );
  if (hasOwnTransport) return portable;
  const wanted = options.dataPlane ?? wantedByEnvironment();
  if (wanted === 'portable' || (wanted === undefined && hasOwnTun)) return portable;
  if (hasOwnTun && process.platform === 'win32')
    throw new WgTsError(
      'ERR_UNSUPPORTED',
      'packets of a program’s own go by the portable data plane',
      {
        hint: 'leave dataPlane and WG_TS_DATAPLANE away',
      },
    );
  const workers = hasOwnTun ? 1 : workerCount(options.workers);
  const without = offloadsLeftOff();
  try {
    const library = loadNativeLibrary();
    selectNativeCrypto(library);
    return { native: { library, workers, without }, fallback: undefined };
  } catch (error) {
    if (!(error instanceof NativeUnavailableError)) throw error;
    if (wanted === 'native')
      throw new WgTsError('ERR_UNSUPPORTED', `no native data plane: ${error.message}`, {
        hint: 'without dataPlane, --data-plane and WG_TS_DATAPLANE the portable one is used, a few times slower',
        cause: error,
      });
    return { native: undefined, fallback: error.message };
  }
}

/** The plane that a tunnel of the system's would get, and why it is not the native one, for `wg-ts version`. */
export function defaultPlane(): { readonly name: DataPlaneKind; readonly why?: string } {
  try {
    const { native, fallback } = choosePlane({}, false);
    if (native) return { name: 'native' };
    return { name: 'portable', why: fallback ?? 'WG_TS_DATAPLANE asks for it' };
  } catch (error) {
    return { name: 'portable', why: messageOf(error) };
  }
}

function wantedByEnvironment(): DataPlaneKind | undefined {
  const value = process.env['WG_TS_DATAPLANE'];
  if (value === undefined || value === '') return undefined;
  if (value === 'native' || value === 'portable') return value;
  throw new WgTsError('ERR_USAGE', `WG_TS_DATAPLANE is ${JSON.stringify(value)}`, {
    hint: 'it is `native` or `portable`',
  });
}

function workerCount(option: number | undefined): number {
  const text = process.env['WG_TS_WORKERS'];
  const wanted = option ?? (text ? Number(text) : undefined);
  if (wanted === undefined) return Math.min(availableParallelism(), DEFAULT_WORKERS);
  if (Number.isInteger(wanted) && wanted >= 1 && wanted <= MAX_WORKERS) return wanted;
  throw new WgTsError('ERR_USAGE', `${text ?? wanted} is no number of workers`, {
    hint: `it is 1 to ${MAX_WORKERS}`,
  });
}

/** WG_TS_NATIVE_WITHOUT, for measurements and tests: a list of what shall not be used. */
function offloadsLeftOff(): ReadonlySet<Offload> {
  const names = (process.env['WG_TS_NATIVE_WITHOUT'] ?? '').split(',').filter(Boolean);
  const unknown = names.find((name) => !isOffload(name));
  if (unknown === undefined) return new Set(names.filter(isOffload));
  throw new WgTsError('ERR_USAGE', `WG_TS_NATIVE_WITHOUT has ${JSON.stringify(unknown)}`, {
    hint: `it is a list of ${OFFLOADS.map(({ name }) => name).join(', ')}`,
  });
}
