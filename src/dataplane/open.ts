/** How the chosen data plane gets its interface and its sockets, and how those change while it runs. */
import type { CryptoProviders } from '../../crypto/providers.js';
import { bridgeTun } from '../../native/bridge.js';
import { NativeDataPlane, type NativeOffload } from '../../native/dataplane.js';
import type { DataPlane } from '../../protocol/dataplane.js';
import type { Clock } from '../../system/clock.js';
import { openTun, openTunQueues, tunReadFailure } from '../../tun/linux/device.js';
import type { Tun, TunQueues, TunRing } from '../../tun/tun.js';
import type { WintunOptions } from '../../tun/windows/device.js';
import { WintunError } from '../../tun/windows/wintun/errors.js';
import { openUdp, openUdpQueues, type UdpOptions, type UdpQueues } from '../../udp/open.js';
import { type OwnTransport, ownUdpOpener } from '../../udp/own.js';
import type { Logger } from '../logger.js';
import type { PlaneChoice } from './choice.js';
import { PortableDataPlane } from './portable.js';

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
    const { openWintunRing } = await import('../../tun/windows/device.js');
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
  const { openWintunTun } = await import('../../tun/windows/device.js');
  return openWintunTun(name, options);
}

export interface PlaneParts {
  readonly choice: PlaneChoice;
  readonly tun: PlaneTun;
  readonly udp: UdpOptions;
  /** Takes the place of the system’s sockets, under the portable plane. */
  readonly transport?: OwnTransport | undefined;
  /** Gives up the opening of such a transport. */
  readonly signal?: AbortSignal | undefined;
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
   * Goes on with other sockets, on this port (0: the system chooses). Answers the port; throws UdpError
   * ERR_PORT_IN_USE or ERR_SOCKET, and then nothing has changed.
   */
  listen(port: number): Promise<number>;
  /** Firewall mark of all later datagrams; 0 is none. Throws UdpError ERR_MARK. */
  setMark(mark: number): void;
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
    const { workers } = choice.native;
    const open = (options: UdpOptions): Promise<UdpQueues> => openUdpQueues(options, workers);
    const udp = await open(parts.udp);
    try {
      return openedNative(nativePlane(parts, choice.native, tun.tun, udp), udp, parts.udp, open);
    } catch (error) {
      await udp.close();
      throw error;
    }
  }
  if (tun.kind !== 'packets') throw new Error('the interface is not the portable plane’s');
  const { transport, signal, mtu, clock, logger, onTunError } = parts;
  const open = transport ? ownUdpOpener(transport, signal) : openUdp;
  const udp = await open(parts.udp);
  const { aead } = parts.crypto;
  const plane = new PortableDataPlane({ tun: tun.tun, udp, mtu, aead, clock, logger, onTunError });
  return opened(plane, {
    udp,
    options: parts.udp,
    open,
    replace: (next) => plane.replaceUdp(next),
  });
}

async function openOnRing(
  parts: PlaneParts,
  native: NonNullable<PlaneChoice['native']>,
  tun: TunRing,
): Promise<OpenedPlane> {
  const { openWinsockQueues } = await import('../../udp/windows/winsock.js');
  const udp = await openWinsockQueues(parts.udp);
  try {
    const plane = nativePlane(parts, native, tun, udp);
    const bindInterface = plane.bindInterface.bind(plane);
    return { ...openedNative(plane, udp, parts.udp, openWinsockQueues), bindInterface };
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

function openedNative<Queues extends UdpQueues>(
  plane: NativeDataPlane,
  udp: Queues,
  options: UdpOptions,
  open: (options: UdpOptions) => Promise<Queues>,
): OpenedPlane {
  return opened(plane, { udp, options, open, replace: (next) => plane.replaceSockets(next) });
}

interface Sockets {
  readonly port: number;
  setMark(mark: number): void;
  close(): Promise<void>;
}

function opened<S extends Sockets>(
  plane: DataPlane & { start(): void; setMtu(mtu: number): void },
  sockets: {
    readonly udp: S;
    readonly options: UdpOptions;
    readonly open: (options: UdpOptions) => Promise<S>;
    /** Closes those from before, unless it throws. */
    readonly replace: (next: S) => Promise<void>;
  },
): OpenedPlane {
  let { udp, options } = sockets;
  return {
    plane,
    port: udp.port,
    start: () => plane.start(),
    setMtu: (mtu) => plane.setMtu(mtu),
    async listen(port) {
      const next = await sockets.open({ ...options, port });
      try {
        await sockets.replace(next);
      } catch (error) {
        await next.close();
        throw error;
      }
      udp = next;
      return next.port;
    },
    setMark(mark) {
      udp.setMark(mark);
      options = { ...options, mark };
    },
    closeSockets: () => udp.close(),
  };
}

function isPlaneOffload(name: string): name is NativeOffload {
  return !['vnet-hdr', 'tso', 'uso'].includes(name);
}
