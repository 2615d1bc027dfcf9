/** Opens the interface and the sockets of the chosen data plane. */
import type { CryptoProviders } from '../../crypto/providers.js';
import { bridgeTun } from '../../native/bridge.js';
import { NativeDataPlane } from '../../native/dataplane.js';
import { isPlaneOffload } from '../../native/offloads.js';
import type { RunningPlane } from '../../protocol/dataplane.js';
import type { Clock } from '../../system/clock.js';
import { openTun, openTunQueues, tunReadFailure } from '../../tun/linux/device.js';
import type { Tun, TunQueues, TunRing } from '../../tun/tun.js';
import type { WintunOptions } from '../../tun/windows/device.js';
import { WintunError } from '../../tun/windows/wintun/errors.js';
import { openUdp, openUdpQueues, type UdpOptions } from '../../udp/open.js';
import { type OwnTransport, ownUdpOpener } from '../../udp/own.js';
import type { OpenSockets, UdpQueues } from '../../udp/transport.js';
import type { Logger } from '../logger.js';
import type { PlaneChoice } from './choice.js';
import { PortableDataPlane, type PortableSockets } from './portable.js';

/** The interface of a tunnel, in the form that the chosen plane takes. */
export type PlaneTun = { readonly luid?: bigint; close(): void } & (
  | { readonly kind: 'packets'; readonly tun: Tun }
  | { readonly kind: 'queues'; readonly tun: TunQueues }
  | { readonly kind: 'ring'; readonly tun: TunRing }
);

export interface PlaneTunOptions extends Pick<PlaneParts, 'onTunError' | 'logger'> {
  readonly name: string;
  /** The identity of the network for Windows: without secrets. */
  readonly identity: string;
  readonly own: Tun | undefined;
}

/** Creates the interface, or uses `own`. Throws TunError. */
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
  /** Replaces the system's sockets, with the portable plane. */
  readonly transport?: OwnTransport | undefined;
  /** Aborts the opening of such a transport. */
  readonly signal?: AbortSignal | undefined;
  readonly mtu: number;
  readonly crypto: CryptoProviders;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onTunError: (error: Error) => void;
}

/** No packets move before `start`. Throws UdpError. */
export async function openPlane(parts: PlaneParts): Promise<RunningPlane> {
  const { choice, tun, transport, signal, mtu, clock, logger, onTunError } = parts;
  if (tun.kind !== 'packets') {
    if (!choice.native) throw new Error('the interface is not the portable plane’s');
    return await openNativePlane(parts, choice.native, tun);
  }
  const openSockets: (options: UdpOptions) => Promise<PortableSockets> = transport
    ? ownUdpOpener(transport, signal)
    : openUdp;
  const open: OpenSockets<PortableSockets> = (change) => openSockets({ ...parts.udp, ...change });
  const udp = await open({});
  const { aead } = parts.crypto;
  return new PortableDataPlane({ tun: tun.tun, udp, open, mtu, aead, clock, logger, onTunError });
}

async function openNativePlane(
  parts: PlaneParts,
  { library, workers, without }: NonNullable<PlaneChoice['native']>,
  { kind, tun }: Extract<PlaneTun, { readonly kind: 'queues' | 'ring' }>,
): Promise<NativeDataPlane> {
  const { mtu, clock, logger, onTunError } = parts;
  const openSockets =
    kind === 'ring'
      ? (await import('../../udp/windows/winsock.js')).openWinsockQueues
      : (options: UdpOptions): Promise<UdpQueues> => openUdpQueues(options, workers);
  const open: OpenSockets<UdpQueues> = (change) => openSockets({ ...parts.udp, ...change });
  const udp = await open({});
  try {
    return new NativeDataPlane({
      library,
      tun,
      udp,
      open,
      mtu,
      clock,
      logger,
      onTunError: (code) => onTunError(tunFailure(tun.name, code)),
      without: [...without].filter(isPlaneOffload),
    });
  } catch (error) {
    await udp.close();
    throw error;
  }
}

/** `code` is errno, or on Windows the result of GetLastError. */
function tunFailure(name: string, code: number): Error {
  return process.platform === 'win32'
    ? new WintunError('WintunReceivePacket', code)
    : tunReadFailure(name, code);
}
