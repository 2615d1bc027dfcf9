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

/** `native` is C with its own threads, `portable` is TypeScript. */
export type DataPlaneKind = 'native' | 'portable';

/** Which data plane moves the packets of a tunnel. */
export interface PlaneOptions {
  /** By default the value of WG_TS_DATAPLANE, otherwise `native` where it can be loaded. */
  readonly dataPlane?: DataPlaneKind;
  /**
   * Threads of the native plane, 1 to 16; by default WG_TS_WORKERS, otherwise one per core, up to 4.
   */
  readonly workers?: number;
}

const DEFAULT_WORKERS = 4;

/** The chosen data plane, before anything is opened. */
export interface PlaneChoice {
  /** Undefined: the portable plane. */
  readonly native:
    | {
        readonly library: NativeLibrary;
        readonly workers: number;
        readonly without: ReadonlySet<Offload>;
      }
    | undefined;
  /** Why the portable plane was chosen although it was not asked for. */
  readonly fallback: string | undefined;
}

/**
 * Chooses the data plane of a tunnel. With `hasOwnTun`, packets come from the caller instead of the
 * system; the native plane is then used only on request, as the packets cross JavaScript anyway. With
 * `hasOwnTransport`, so do the datagrams; the native plane is then never used, whatever the environment
 * says. Throws WgTsError ERR_UNSUPPORTED when the requested plane cannot run, and ERR_USAGE for an
 * invalid setting.
 */
export function choosePlane(
  options: PlaneOptions,
  hasOwnTun: boolean,
  hasOwnTransport: boolean = false,
): PlaneChoice {
  const portable: PlaneChoice = { native: undefined, fallback: undefined };
  if (hasOwnTransport && options.dataPlane === 'native')
    throw new WgTsError('ERR_UNSUPPORTED', 'a custom transport requires the portable data plane', {
      hint: 'leave out dataPlane, or transport',
    });
  if (hasOwnTransport) return portable;
  const wanted = options.dataPlane ?? wantedByEnvironment();
  if (wanted === 'portable' || (wanted === undefined && hasOwnTun)) return portable;
  if (hasOwnTun && process.platform === 'win32')
    throw new WgTsError('ERR_UNSUPPORTED', 'a custom tun requires the portable data plane', {
      hint: 'leave out dataPlane and WG_TS_DATAPLANE',
    });
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
        hint: 'without dataPlane, --data-plane and WG_TS_DATAPLANE the portable one is used, which is a few times slower',
        cause: error,
      });
    return { native: undefined, fallback: error.message };
  }
}

/**
 * Returns the plane that a system interface would get, and why it is not the native one, for `wg-ts
 * version`.
 */
export function defaultPlane(): { readonly name: DataPlaneKind; readonly why?: string } {
  try {
    const { native, fallback } = choosePlane({}, false);
    if (native) return { name: 'native' };
    return { name: 'portable', why: fallback ?? 'WG_TS_DATAPLANE requests it' };
  } catch (error) {
    return { name: 'portable', why: messageOf(error) };
  }
}

function wantedByEnvironment(): DataPlaneKind | undefined {
  const value = process.env['WG_TS_DATAPLANE'];
  if (value === undefined || value === '') return undefined;
  if (value === 'native' || value === 'portable') return value;
  throw new WgTsError('ERR_USAGE', `WG_TS_DATAPLANE is ${JSON.stringify(value)}`, {
    hint: 'use `native` or `portable`',
  });
}

function workerCount(option: number | undefined): number {
  const text = process.env['WG_TS_WORKERS'];
  const wanted = option ?? (text ? Number(text) : undefined);
  if (wanted === undefined) return Math.min(availableParallelism(), DEFAULT_WORKERS);
  if (Number.isInteger(wanted) && wanted >= 1 && wanted <= MAX_WORKERS) return wanted;
  throw new WgTsError('ERR_USAGE', `${text ?? wanted} is not a valid number of workers`, {
    hint: `use 1 to ${MAX_WORKERS}`,
  });
}

/** WG_TS_NATIVE_WITHOUT, for measurements and tests: a list of the offloads to leave off. */
function offloadsLeftOff(): ReadonlySet<Offload> {
  const names = (process.env['WG_TS_NATIVE_WITHOUT'] ?? '').split(',').filter(Boolean);
  const unknown = names.find((name) => !isOffload(name));
  if (unknown === undefined) return new Set(names.filter(isOffload));
  throw new WgTsError('ERR_USAGE', `WG_TS_NATIVE_WITHOUT has ${JSON.stringify(unknown)}`, {
    hint: `it is a list of ${OFFLOADS.map(({ name }) => name).join(', ')}`,
  });
}
