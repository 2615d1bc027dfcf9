/** Which data plane runs, and how it gets its interface and its sockets. */
import { availableParallelism } from 'node:os';
import type { CryptoProviders } from '../crypto/providers.js';
import {
  loadNativeLibrary,
  type NativeLibrary,
  NativeUnavailableError,
} from '../native/binding.js';
import { bridgeTun } from '../native/bridge.js';
import { checkNativeCrypto, NativeDataPlane, type NativeOffload } from '../native/dataplane.js';
import { MAX_WORKERS } from '../native/layout.js';
import type { DataPlane } from '../protocol/dataplane.js';
import { openTun, openTunQueues, tunReadFailure } from '../tun/linux/device.js';
import type { Tun, TunQueues, TunRing } from '../tun/tun.js';
import type { WintunOptions } from '../tun/windows/device.js';
import { WintunError } from '../tun/windows/wintun/errors.js';
import type { Clock } from './clock.js';
import { WgTsError } from './errors.js';
import type { Logger } from './logger.js';
import { PortableDataPlane } from './portable.js';
import { openUdp, openUdpQueues, type UdpOptions, type UdpQueues } from './udp.js';

/** `native` is C with threads of its own, `portable` is TypeScript. */
export type DataPlaneKind = 'native' | 'portable';

export interface PlaneOptions {
  /** By default what WG_TS_DATAPLANE says, else `native` where it loads. */
  readonly dataPlane?: DataPlaneKind;
  /** Threads of the native plane, 1 to 16; by default what WG_TS_WORKERS says, else one a core up to 4. */
  readonly workers?: number;
}

const OFFLOADS: readonly string[] = [
  'vnet-hdr',
  'tso',
  'uso',
  'udp-segment',
  'udp-gro',
  'tcp-coalescing',
  'udp-coalescing',
  'direct-crypto',
];
const DEFAULT_WORKERS = 4;

/** What was chosen, before anything is opened. */
export interface PlaneChoice {
  /** Undefined: the portable plane. */
  readonly native:
    | {
        readonly library: NativeLibrary;
        readonly workers: number;
        readonly without: ReadonlySet<string>;
      }
    | undefined;
  /** Why it is not the native one although nobody asked for the portable one. */
  readonly fallback: string | undefined;
}

/**
 * `hasOwnTun`: packets come from the caller and not from the system; then the native plane is taken
 * only when it is asked for, as they cross JavaScript anyway. Throws WgTsError ERR_UNSUPPORTED when
 * the plane that was asked for cannot run, and ERR_USAGE for a setting that makes no sense.
 */
export function choosePlane(options: PlaneOptions, hasOwnTun: boolean): PlaneChoice {
  const wanted = options.dataPlane ?? wantedByEnvironment();
  const portable: PlaneChoice = { native: undefined, fallback: undefined };
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
    checkNativeCrypto(library);
    return { native: { library, workers, without }, fallback: undefined };
  } catch (error) {
    if (!(error instanceof NativeUnavailableError)) throw error;
    if (wanted === 'native')
      throw new WgTsError('ERR_UNSUPPORTED', `no native data plane: ${error.message}`, {
        hint: 'leave WG_TS_DATAPLANE away, and the portable data plane is used',
        cause: error,
      });
    return { native: undefined, fallback: error.message };
  }
}

/** The name of the plane that a tunnel of the system's would get, for `wg-ts version`. */
export function defaultPlaneName(): string {
  try {
    return choosePlane({}, false).native ? 'native' : 'portable';
  } catch {
    return 'portable';
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
function offloadsLeftOff(): ReadonlySet<string> {
  const names = (process.env['WG_TS_NATIVE_WITHOUT'] ?? '').split(',').filter(Boolean);
  const unknown = names.find((name) => !OFFLOADS.includes(name));
  if (unknown === undefined) return new Set(names);
  throw new WgTsError('ERR_USAGE', `WG_TS_NATIVE_WITHOUT has ${JSON.stringify(unknown)}`, {
    hint: `it is a list of ${OFFLOADS.join(', ')}`,
  });
}

/** The interface of a tunnel, in the form that the chosen plane takes. */
export type PlaneTun = { readonly luid?: bigint; close(): void } & (
  | { readonly kind: 'packets'; readonly tun: Tun }
  | { readonly kind: 'queues'; readonly tun: TunQueues }
  | { readonly kind: 'ring'; readonly tun: TunRing }
);

export interface PlaneTunOptions extends Pick<PlaneParts, 'onTunError' | 'logger'> {
  readonly name: string;
  /** What makes this network the one it is, for Windows: without secrets. */
  readonly identity: string;
  readonly own: Tun | undefined;
}

/** Makes the interface, or takes `own`. Throws TunError. */
export async function openPlaneTun(
  { native }: PlaneChoice,
  { name, identity, own, onTunError, logger }: PlaneTunOptions,
): Promise<PlaneTun> {
  const wintun = { identity, onNote: (note: string): void => logger.debug(note) };
  if (!native) {
    const tun = own ?? (await openSystemTun(name, wintun));
    const { luid } = tun;
    return { kind: 'packets', tun, ...(luid !== undefined && { luid }), close: () => tun.close() };
  }
  if (process.platform === 'win32') {
    const { openWintunRing } = await import('../tun/windows/device.js');
    const tun = openWintunRing(name, wintun);
    return { kind: 'ring', tun, luid: tun.luid, close: () => tun.close() };
  }
  const { workers, without } = native;
  const tun = own
    ? bridgeTun(own, onTunError)
    : openTunQueues(name, {
        queues: workers,
        vnetHeader: !without.has('vnet-hdr'),
        tcpSegments: !without.has('tso'),
        udpSegments: !without.has('uso'),
      });
  return { kind: 'queues', tun, close: () => tun.close() };
}

async function openSystemTun(name: string, options: WintunOptions): Promise<Tun> {
  if (process.platform !== 'win32') return openTun(name);
  const { openWintunTun } = await import('../tun/windows/device.js');
  return openWintunTun(name, options);
}

export interface PlaneParts {
  readonly choice: PlaneChoice;
  readonly tun: PlaneTun;
  readonly udp: UdpOptions;
  readonly mtu: number;
  readonly crypto: CryptoProviders;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onTunError: (error: Error) => void;
}

/** A data plane with its sockets open; nothing moves before `start`. */
export interface OpenedPlane {
  readonly plane: DataPlane;
  readonly port: number;
  start(): void;
  setMtu(mtu: number): void;
  /**
   * The tunnel's own packets leave by this interface from now on; undefined: none leaves. Absent where
   * the sockets cannot be bound so.
   */
  readonly bindInterface?: (family: 4 | 6, index: number | undefined) => void;
  /** The sockets alone, for when the plane never came to life; `plane.close` closes them too. */
  closeSockets(): Promise<void>;
}

/** Throws UdpError. */
export async function openPlane(parts: PlaneParts): Promise<OpenedPlane> {
  const { choice, tun } = parts;
  if (tun.kind === 'ring' && choice.native) return await openOnRing(parts, choice.native, tun.tun);
  if (tun.kind === 'queues' && choice.native) {
    const udp = await openUdpQueues(parts.udp, choice.native.workers);
    try {
      return opened(nativePlane(parts, choice.native, tun.tun, udp), udp);
    } catch (error) {
      await udp.close();
      throw error;
    }
  }
  if (tun.kind !== 'packets') throw new Error('the interface is not the portable plane’s');
  const udp = await openUdp(parts.udp);
  const { mtu, clock, logger, onTunError } = parts;
  const { aead } = parts.crypto;
  const plane = new PortableDataPlane({ tun: tun.tun, udp, mtu, aead, clock, logger, onTunError });
  return opened(plane, udp);
}

async function openOnRing(
  parts: PlaneParts,
  native: NonNullable<PlaneChoice['native']>,
  tun: TunRing,
): Promise<OpenedPlane> {
  const { openWinsockQueues } = await import('./udp-winsock.js');
  const udp = await openWinsockQueues(parts.udp);
  try {
    const plane = nativePlane(parts, native, tun, udp);
    const bindInterface = plane.bindInterface.bind(plane);
    return { ...opened(plane, udp), bindInterface };
  } catch (error) {
    await udp.close();
    throw error;
  }
}

function nativePlane(
  { mtu, clock, logger, onTunError }: PlaneParts,
  { library, without }: NonNullable<PlaneChoice['native']>,
  tun: TunQueues | TunRing,
  udp: UdpQueues,
): NativeDataPlane {
  return new NativeDataPlane({
    library,
    tun,
    udp,
    mtu,
    clock,
    logger,
    onTunError: (code) => onTunError(tunFailure(tun.name, code)),
    without: [...without].filter(isPlaneOffload),
  });
}

/** `code`: errno, on Windows what GetLastError told. */
function tunFailure(name: string, code: number): Error {
  return process.platform === 'win32'
    ? new WintunError('WintunReceivePacket', code)
    : tunReadFailure(name, code);
}

function opened(
  plane: DataPlane & { start(): void; setMtu(mtu: number): void },
  udp: { readonly port: number; close(): Promise<void> },
): OpenedPlane {
  return {
    plane,
    port: udp.port,
    start: () => plane.start(),
    setMtu: (mtu) => plane.setMtu(mtu),
    closeSockets: () => udp.close(),
  };
}

function isPlaneOffload(name: string): name is NativeOffload {
  return !['vnet-hdr', 'tso', 'uso'].includes(name);
}
