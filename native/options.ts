/** The options of a native data plane, and their encoding for the library. */
import type { Millis } from '../protocol/dataplane.js';
import type { TunQueues, TunRing } from '../tun/tun.js';
import type { OpenSockets, UdpQueues } from '../udp/transport.js';
import type { NativeLibrary } from './binding.js';
import { Layout, MAX_PATH, MAX_WORKERS } from './layout.js';
import { bitsOf, type PlaneOffload } from './offloads.js';

export interface NativeOptions {
  readonly library: NativeLibrary;
  /** One queue for each worker; with a ring there is one worker. Closed with the plane. */
  readonly tun: TunQueues | TunRing;
  /** Closed with the plane. */
  readonly udp: UdpQueues;
  /** Opens other sockets, with as many queues as `udp` has. */
  readonly open: OpenSockets<UdpQueues>;
  readonly mtu: number;
  readonly clock: { now(): Millis };
  readonly logger: { debug(message: string): void };
  /**
   * Called when the TUN device is gone, for example deleted by `ip link del`. `errno` is the system's error
   * number, on Windows that of GetLastError.
   */
  readonly onTunError: (errno: number) => void;
  readonly without?: readonly PlaneOffload[];
  /** Microseconds for which a thread polls for more work before it sleeps. */
  readonly spinMicroseconds?: number;
  /** By default 1, or 2 with a ring. */
  readonly threadsPerWorker?: 1 | 2;
}

const SPIN_MICROSECONDS = 50;

export function isRing(tun: TunQueues | TunRing): tun is TunRing {
  return 'session' in tun;
}

/** Returns a struct wg_ts_options. `doorbell` is the path of a pipe, where the system needs one. */
export function encodeOptions(options: NativeOptions, doorbell = ''): Uint8Array {
  const { tun, udp, mtu, spinMicroseconds = SPIN_MICROSECONDS } = options;
  const threadsPerWorker = options.threadsPerWorker ?? (isRing(tun) ? 2 : 1);
  const workers = isRing(tun) ? 1 : tun.descriptors.length;
  if (workers < 1 || workers > MAX_WORKERS || udp.v4.length !== workers)
    throw new RangeError(`1 to ${MAX_WORKERS} workers, each with a queue and a socket`);
  if (doorbell.length >= MAX_PATH) throw new RangeError('the path of the doorbell is too long');
  const bytes = new Uint8Array(Layout.options.size);
  const view = new DataView(bytes.buffer);
  view.setUint32(Layout.options.workers, workers, true);
  view.setUint32(Layout.options.mtu, mtu, true);
  view.setUint32(Layout.options.spinMicroseconds, spinMicroseconds, true);
  view.setUint32(Layout.options.threadsPerWorker, threadsPerWorker, true);
  for (let i = 0; i < workers; i++) {
    view.setInt32(Layout.options.udp4 + 4 * i, udp.v4[i] as number, true);
    view.setInt32(Layout.options.udp6 + 4 * i, udp.v6[i] ?? -1, true);
  }
  bytes.set(new TextEncoder().encode(doorbell), Layout.options.doorbell);
  if (isRing(tun)) encodeRing(view, tun, options.without);
  else encodeQueues(view, tun, options.without);
  return bytes;
}

function encodeQueues(view: DataView, tun: TunQueues, leftOff: readonly PlaneOffload[] = []): void {
  const without: PlaneOffload[] = [...leftOff];
  if (!tun.takesTcpSegments) without.push('tcp-coalescing');
  if (!tun.takesUdpSegments) without.push('udp-coalescing');
  view.setUint32(Layout.options.without, bitsOf(without), true);
  view.setUint32(Layout.options.vnetHeader, tun.vnetHeader ? 1 : 0, true);
  for (const [i, descriptor] of tun.descriptors.entries())
    view.setInt32(Layout.options.tun + 4 * i, descriptor, true);
}

/** Windows accepts a coalesced TCP packet as one long packet, but cannot split a coalesced UDP packet. */
function encodeRing(view: DataView, tun: TunRing, leftOff: readonly PlaneOffload[] = []): void {
  view.setUint32(Layout.options.without, bitsOf([...leftOff, 'udp-coalescing']), true);
  view.setBigUint64(Layout.options.wintunModule, tun.module, true);
  view.setBigUint64(Layout.options.wintunSession, tun.session, true);
}
