import type {
  Action,
  DataPlane,
  DataPlaneEvent,
  Endpoint,
  Millis,
  PeerId,
  Transfer,
} from '../protocol/dataplane.js';
import { type Readiness, whileReadable } from '../tun/linux/readiness.js';
import type { TunQueues } from '../tun/tun.js';
import { type DevicePointer, type NativeLibrary, NativeUnavailableError } from './binding.js';
import {
  decodeEndpoint,
  decodeEvents,
  decodeStatistics,
  encodeEndpoint,
  encodeKeypair,
  encodePrefixes,
} from './codec.js';
import { Layout, MAX_WORKERS, type Statistics, Without } from './layout.js';

/** What can be left off: for a system or path that refuses it, for tests and for measurements. */
export type NativeOffload =
  | 'udp-segment'
  | 'udp-gro'
  | 'tcp-coalescing'
  | 'udp-coalescing'
  | 'direct-crypto';

export interface NativeOptions {
  readonly library: NativeLibrary;
  /** As many queues as there are workers. Closed with the plane. */
  readonly tun: TunQueues;
  /** A socket of each family for each worker; no IPv6 without `v6`. Closed with the plane. */
  readonly udp: {
    readonly v4: readonly number[];
    readonly v6: readonly number[];
    close(): Promise<void>;
  };
  readonly mtu: number;
  readonly clock: { now(): Millis };
  readonly logger: { debug(message: string): void };
  /** The TUN device is gone, for example deleted by `ip link del`. */
  readonly onTunError: (errno: number) => void;
  readonly without?: readonly NativeOffload[];
  /** Microseconds for which a thread looks for more before it sleeps. */
  readonly spinMicroseconds?: number;
  readonly threadsPerWorker?: 1 | 2;
}

const EVENTS = 64;
/** Traffic is looked at so often while there is some; the timers of section 6 count in seconds. */
const TRAFFIC_INTERVAL: Millis = 100;
const SPIN_MICROSECONDS = 50;

const OFFLOAD_BITS: Readonly<Record<NativeOffload, number>> = {
  'udp-segment': Without.udpSegment,
  'udp-gro': Without.udpGro,
  'tcp-coalescing': Without.tcpCoalescing,
  'udp-coalescing': Without.udpCoalescing,
  'direct-crypto': Without.directCrypto,
};

/** The data plane in C, with threads of its own: what is busy here does not hold it up. */
export class NativeDataPlane implements DataPlane {
  readonly name: string;
  readonly #options: NativeOptions;
  readonly #library: NativeLibrary;
  readonly #buffer = new Uint8Array(EVENTS * Layout.event.size);
  /** Our own end of an endpoint, which control gives back without knowing of it. */
  readonly #encoded = new WeakMap<Endpoint, Uint8Array>();
  #device: DevicePointer | undefined;
  #listener: ((batch: readonly DataPlaneEvent[]) => void) | undefined;
  #doorbell: Readiness | undefined;
  #trafficTimer: NodeJS.Timeout | undefined;
  #again: NodeJS.Immediate | undefined;
  #sendErrors = 0;
  #closing: Promise<void> | undefined;

  /** No packet is read before `start`. Throws NativeUnavailableError where this machine cannot. */
  constructor(options: NativeOptions) {
    this.#options = options;
    this.#library = options.library;
    const crypto = this.#library.selectCrypto(bitsOf(options.without));
    if (crypto === null) throw noCrypto();
    this.name = crypto === 'null cipher' ? 'native (null cipher)' : 'native';
    const error = new Int32Array(1);
    const device = this.#library.open(encodeOptions(options), new Uint8Array(error.buffer));
    if (device === null)
      throw new NativeUnavailableError(`the native data plane does not start: errno ${error[0]}`);
    this.#device = device;
  }

  start(): void {
    const device = this.#device;
    if (device === undefined) return;
    this.#doorbell = whileReadable(this.#library.doorbell(device), () => this.#drain());
    const error = this.#library.start(device);
    if (error !== 0)
      throw new NativeUnavailableError(`the native data plane has no threads: errno ${error}`);
  }

  apply(action: Action): void {
    const device = this.#device;
    if (device === undefined) {
      if (action.type === 'installKeypair') zeroKeys(action);
      return;
    }
    const library = this.#library;
    switch (action.type) {
      case 'setPeer':
        this.#setPeer(device, action);
        break;
      case 'removePeer':
        library.removePeer(device, action.peer);
        break;
      case 'handshakeAuthenticated': {
        const from = this.#encode(action.from);
        if (from) library.authenticated(device, action.peer, from, action.bytes);
        break;
      }
      case 'installKeypair': {
        const bytes = encodeKeypair(action.keypair, this.#options.clock.now());
        library.installKeypair(device, action.peer, bytes);
        bytes.fill(0);
        zeroKeys(action);
        break;
      }
      case 'dropKeypairs':
        library.dropKeypairs(device, action.peer);
        break;
      case 'dropStaged':
        library.dropStaged(device, action.peer);
        break;
      case 'sendHandshake':
        library.sendHandshake(device, action.peer, action.message, action.message.length);
        break;
      case 'sendCookieReply': {
        const to = this.#encode(action.to);
        if (to) library.sendCookieReply(device, to, action.message, action.message.length);
        break;
      }
      case 'sendKeepalive':
        library.sendKeepalive(device, action.peer);
        break;
    }
  }

  onEvents(listener: (batch: readonly DataPlaneEvent[]) => void): void {
    this.#listener = listener;
  }

  transfer(peer: PeerId): Transfer {
    const bytes = new BigUint64Array(2);
    if (this.#device !== undefined)
      this.#library.transfer(this.#device, peer, new Uint8Array(bytes.buffer));
    return { rxBytes: bytes[0] ?? 0n, txBytes: bytes[1] ?? 0n };
  }

  /** Counts since the start, or undefined after the end. */
  statistics(): Statistics | undefined {
    if (this.#device === undefined) return undefined;
    const bytes = new Uint8Array(Layout.statistics.size);
    this.#library.readStatistics(this.#device, bytes);
    return decodeStatistics(bytes);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const device = this.#device;
    this.#device = undefined;
    this.#doorbell?.close();
    clearTimeout(this.#trafficTimer);
    clearImmediate(this.#again);
    if (device !== undefined) this.#library.close(device);
    this.#options.tun.close();
    await this.#options.udp.close();
  }

  #setPeer(device: DevicePointer, action: Extract<Action, { type: 'setPeer' }>): void {
    const endpoint = action.endpoint ? this.#encode(action.endpoint) : undefined;
    must(this.#library.setPeer(device, action.peer, endpoint ?? null));
    if (!action.allowedIps) return;
    const prefixes = encodePrefixes(action.allowedIps);
    const count = prefixes.length / Layout.prefix.size;
    const replace = action.allowedIps.replace ? 1 : 0;
    must(this.#library.setAllowedIps(device, action.peer, replace, prefixes, count));
  }

  #encode(endpoint: Endpoint): Uint8Array | undefined {
    return this.#encoded.get(endpoint) ?? encodeEndpoint(endpoint);
  }

  #drain(): void {
    if (this.#device === undefined) return;
    const count = this.#library.drain(this.#device, this.#buffer, EVENTS);
    const { events, tunError, hasTraffic } = decodeEvents(this.#buffer, count, (bytes) => {
      const endpoint = decodeEndpoint(bytes);
      this.#encoded.set(endpoint, bytes);
      return endpoint;
    });
    // Others get their turn before the rest.
    if (count === EVENTS) this.#again ??= setImmediate(() => this.#drainAgain());
    if (hasTraffic) this.#trafficTimer ??= setTimeout(() => this.#lookAgain(), TRAFFIC_INTERVAL);
    if (events.length > 0) this.#listener?.(events);
    if (tunError !== undefined && this.#device !== undefined) this.#options.onTunError(tunError);
  }

  #drainAgain(): void {
    this.#again = undefined;
    this.#drain();
  }

  /** Traffic rings once and is then collected here, until a while brings none. */
  #lookAgain(): void {
    this.#trafficTimer = undefined;
    this.#drain();
    this.#logSendErrors();
    if (this.#trafficTimer || this.#device === undefined) return;
    if (this.#library.rearm(this.#device) === 1) this.#drain();
  }

  #logSendErrors(): void {
    const statistics = this.statistics();
    if (!statistics || statistics.udpSendErrors === this.#sendErrors) return;
    const lost = statistics.udpSendErrors - this.#sendErrors;
    this.#sendErrors = statistics.udpSendErrors;
    this.#options.logger.debug(`${lost} datagrams not sent: errno ${statistics.lastSendError}`);
  }
}

function encodeOptions(options: NativeOptions): Uint8Array {
  const { tun, udp, mtu, spinMicroseconds = SPIN_MICROSECONDS, threadsPerWorker = 1 } = options;
  const workers = tun.descriptors.length;
  if (workers < 1 || workers > MAX_WORKERS || udp.v4.length !== workers)
    throw new RangeError(`1 to ${MAX_WORKERS} workers, each with a queue and a socket`);
  let without = bitsOf(options.without);
  if (!tun.takesTcpSegments) without |= Without.tcpCoalescing;
  if (!tun.takesUdpSegments) without |= Without.udpCoalescing;
  const bytes = new Uint8Array(Layout.options.size);
  const view = new DataView(bytes.buffer);
  view.setUint32(Layout.options.workers, workers, true);
  view.setUint32(Layout.options.mtu, mtu, true);
  view.setUint32(Layout.options.without, without, true);
  view.setUint32(Layout.options.vnetHeader, tun.vnetHeader ? 1 : 0, true);
  view.setUint32(Layout.options.spinMicroseconds, spinMicroseconds, true);
  view.setUint32(Layout.options.threadsPerWorker, threadsPerWorker, true);
  for (let i = 0; i < workers; i++) {
    view.setInt32(Layout.options.tun + 4 * i, tun.descriptors[i] as number, true);
    view.setInt32(Layout.options.udp4 + 4 * i, udp.v4[i] as number, true);
    view.setInt32(Layout.options.udp6 + 4 * i, udp.v6[i] ?? -1, true);
  }
  return bytes;
}

function bitsOf(without: readonly NativeOffload[] = []): number {
  return without.reduce((bits, name) => bits | OFFLOAD_BITS[name], 0);
}

/** Whether the library finds a ChaCha20-Poly1305 in this process; throws if not. */
export function checkNativeCrypto(library: NativeLibrary): void {
  if (library.selectCrypto(0) === null) throw noCrypto();
}

function noCrypto(): NativeUnavailableError {
  return new NativeUnavailableError(
    'this runtime exports no ChaCha20-Poly1305 that passes its self-test (official builds of Node do)',
  );
}

function must(error: number): void {
  if (error !== 0) throw new Error(`the native data plane failed: errno ${error}`);
}

function zeroKeys({ keypair }: Extract<Action, { type: 'installKeypair' }>): void {
  keypair.sendKey.zero();
  keypair.receiveKey.zero();
}
