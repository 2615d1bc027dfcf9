import type {
  Action,
  DataPlaneEvent,
  Endpoint,
  Millis,
  PeerId,
  RunningPlane,
  Transfer,
} from '../protocol/dataplane.js';
import { zeroKeys } from '../protocol/keypair.js';
import { type Doorbell, openDoorbell } from '../system/doorbell.js';
import { messageOf } from '../system/errors.js';
import { ReplaceableSockets, type UdpQueues } from '../udp/transport.js';
import {
  type DevicePointer,
  type NativeLibrary,
  NativeUnavailableError,
  selectNativeCrypto,
} from './binding.js';
import {
  decodeEndpoint,
  decodeEvents,
  decodeStatistics,
  encodeEndpoint,
  encodeKeypair,
  encodePrefixes,
} from './codec.js';
import { Layout, type Statistics } from './layout.js';
import { bitsOf } from './offloads.js';
import { encodeOptions, isRing, type NativeOptions } from './options.js';

export type { NativeOptions } from './options.js';

const EVENTS = 64;
/** How often traffic events are collected while there is traffic; the timers of section 6 count in seconds. */
const TRAFFIC_INTERVAL: Millis = 100;
/** The error of Windows for a corrupt ring, reported when the ring cannot be replaced either. */
const ERROR_INVALID_DATA = 13;

/** The data plane in C, with threads of its own, which a busy event loop does not delay. */
export class NativeDataPlane implements RunningPlane {
  readonly name: string;
  readonly bindInterface?: (family: 4 | 6, index: number | undefined) => void;
  readonly #options: NativeOptions;
  readonly #udp: ReplaceableSockets<UdpQueues>;
  /** The interfaces that the sockets are bound to, by family. */
  readonly #boundTo = new Map<4 | 6, number>();
  readonly #library: NativeLibrary;
  readonly #buffer = new Uint8Array(EVENTS * Layout.event.size);
  /** Keeps our own end of an endpoint, which the control plane does not know about, until it comes back. */
  readonly #encoded = new WeakMap<Endpoint, Uint8Array>();
  #device: DevicePointer | undefined;
  #listener: ((batch: readonly DataPlaneEvent[]) => void) | undefined;
  readonly #doorbell: Doorbell;
  #trafficTimer: NodeJS.Timeout | undefined;
  #again: NodeJS.Immediate | undefined;
  #sendErrors = 0;
  #closing: Promise<void> | undefined;
  #forget = (): void => undefined;

  /** Reads no packet before `start`. Throws NativeUnavailableError where this machine cannot run it. */
  constructor(options: NativeOptions) {
    this.#options = options;
    this.#udp = new ReplaceableSockets(options.udp, options.open);
    if (options.udp.bindInterface)
      this.bindInterface = (family, index) => this.#bindInterface(family, index);
    this.#library = options.library;
    const crypto = selectNativeCrypto(this.#library, bitsOf(options.without));
    this.name = crypto === 'null cipher' ? 'native (null cipher)' : 'native';
    this.#doorbell = openDoorbell();
    try {
      this.#device = this.#open();
    } catch (error) {
      this.#doorbell.close();
      throw error;
    }
  }

  #open(): DevicePointer {
    const error = new Int32Array(1);
    const options = encodeOptions(this.#options, this.#doorbell.path);
    const device = this.#library.open(options, new Uint8Array(error.buffer));
    if (device !== null) {
      this.#forget = this.#library.closeAtEnd(device);
      return device;
    }
    throw new NativeUnavailableError(`the native data plane does not start: errno ${error[0]}`);
  }

  get port(): number {
    return this.#udp.current.port;
  }

  start(): void {
    const device = this.#device;
    if (device === undefined) return;
    this.#doorbell.listen(this.#library.doorbell(device), () => this.#drain());
    const error = this.#library.start(device);
    if (error !== 0)
      throw new NativeUnavailableError(`the native data plane has no threads: errno ${error}`);
  }

  apply(action: Action): void {
    const device = this.#device;
    if (device === undefined) {
      if (action.type === 'installKeypair') zeroKeys(action.keypair);
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
        zeroKeys(action.keypair);
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

  setMtu(mtu: number): void {
    if (this.#device !== undefined) this.#library.setMtu(this.#device, mtu);
  }

  /**
   * While there is no interface to send through, datagrams are lost and counted. The same holds for an
   * interface that is gone by now: another call will follow.
   */
  #bindInterface(family: 4 | 6, index: number | undefined): void {
    if (this.#device === undefined) return;
    this.#boundTo.delete(family);
    const isBound = index !== undefined && this.#bindSockets(family, index);
    if (isBound) this.#boundTo.set(family, index);
    this.#library.blockSending(this.#device, family, isBound ? 0 : 1);
  }

  #bindSockets(family: 4 | 6, index: number): boolean {
    const { logger } = this.#options;
    try {
      this.#udp.current.bindInterface?.(family, index);
      return true;
    } catch (error) {
      logger.debug(messageOf(error));
      return false;
    }
  }

  setMark(mark: number): void {
    this.#udp.setMark(mark);
  }

  listen(port: number): Promise<number> {
    return this.#udp.listen(port, (next) => this.#adopt(next));
  }

  /** Replaces the sockets. Throws NativeUnavailableError when the system refuses them. */
  #adopt(next: UdpQueues): void {
    if (this.#device === undefined) throw new NativeUnavailableError('the data plane has ended');
    if (next.v4.length !== this.#udp.current.v4.length)
      throw new RangeError('a socket for each worker');
    const [v4, v6] = [next.v4, next.v4.map((_, i) => next.v6[i] ?? -1)].map(
      (sockets) => new Uint8Array(Int32Array.from(sockets).buffer),
    ) as [Uint8Array, Uint8Array];
    for (const [family, index] of this.#boundTo) next.bindInterface?.(family, index);
    const error = this.#library.replaceSockets(this.#device, v4, v6);
    if (error !== 0)
      throw new NativeUnavailableError(`the data plane cannot use other sockets: errno ${error}`);
  }

  /** Returns counts since the start, or undefined after `close`. */
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
    if (this.#doorbell.path === undefined) this.#doorbell.close();
    clearTimeout(this.#trafficTimer);
    clearImmediate(this.#again);
    this.#forget();
    if (device !== undefined) this.#library.close(device);
    this.#doorbell.close();
    this.#options.tun.close();
    await this.#udp.current.close();
  }

  #setPeer(device: DevicePointer, action: Extract<Action, { type: 'setPeer' }>): void {
    // Without our own end: an endpoint that is set lets the system choose it again.
    const endpoint = action.endpoint ? encodeEndpoint(action.endpoint) : undefined;
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
    const { events, tunError, isTunCorrupt, hasTraffic } = decodeEvents(
      this.#buffer,
      count,
      (bytes) => {
        const endpoint = decodeEndpoint(bytes);
        this.#encoded.set(endpoint, bytes);
        return endpoint;
      },
    );
    // The rest waits one turn, so that the event loop stays responsive.
    if (count === EVENTS) this.#again ??= setImmediate(() => this.#drainAgain());
    if (hasTraffic)
      this.#trafficTimer ??= setTimeout(() => this.#lookAgain(), TRAFFIC_INTERVAL).unref();
    if (isTunCorrupt) this.#restartRing(this.#device);
    if (events.length > 0) this.#listener?.(events);
    if (tunError !== undefined && this.#device !== undefined) this.#options.onTunError(tunError);
  }

  /** The library's threads leave the old session before it ends. */
  #restartRing(device: DevicePointer): void {
    const { tun, logger, onTunError } = this.#options;
    if (!isRing(tun)) return;
    try {
      must(this.#library.replaceSession(device, 0n));
      must(this.#library.replaceSession(device, tun.restart()));
    } catch (error) {
      logger.debug(`the ring stays corrupt: ${messageOf(error)}`);
      setImmediate(() => {
        if (this.#device !== undefined) onTunError(ERROR_INVALID_DATA);
      });
    }
  }

  #drainAgain(): void {
    this.#again = undefined;
    this.#drain();
  }

  /** Traffic rings the doorbell once and is then collected here, until an interval passes without any. */
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

function must(error: number): void {
  if (error !== 0) throw new Error(`the native data plane failed: errno ${error}`);
}
