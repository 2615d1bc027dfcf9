import type { AeadProvider } from '../../crypto/aead.js';
import { type CryptoProviders, defaultProviders } from '../../crypto/providers.js';
import { Secret } from '../../crypto/secret.js';
import type { Action, DataPlaneEvent, Endpoint, Millis, PeerId } from '../../protocol/dataplane.js';
import { Device, type PeerChange } from '../../protocol/device.js';
import { type IpPrefix, parsePrefix } from '../../protocol/ip.js';
import { Transport } from '../../protocol/transport.js';
import type { Network, NetworkHost } from './network.js';
import { ipPacket } from './packets.js';
import { Prng } from './prng.js';

export interface HostOptions {
  readonly endpoint: Endpoint;
  /** Inner addresses. */
  readonly v4: string;
  readonly v6: string;
  /** 32 bytes; by default from the network's randomness. */
  readonly privateKey?: Uint8Array;
  readonly crypto?: CryptoProviders;
  /** For the transport; by default that of `crypto`. */
  readonly aead?: AeadProvider;
  readonly mtu?: number;
  /** All the randomness of the host; by default seeded from the network. */
  readonly random?: (length: number) => Uint8Array;
}

export interface Received {
  readonly at: Millis;
  readonly packet: Uint8Array;
}

/** One machine: control plane, data plane, and the shortest loop that can join them. */
export class Host implements NetworkHost {
  readonly network: Network;
  readonly v4: string;
  readonly v6: string;
  readonly device: Device;
  readonly transport: Transport;
  endpoint: Endpoint;
  /** What came out of the TUN device. */
  readonly received: Received[] = [];
  /** All that the data plane ever reported. */
  readonly events: DataPlaneEvent[] = [];
  /** All that the control plane ever wanted. */
  readonly actions: Action[] = [];
  /** Nanoseconds that the wall clock is wrong by. */
  wallError = 0n;
  /** Whether the control plane gets no time to run. */
  isStalled = false;
  /** A datagram for which it returns false never reaches the host. */
  accepts: (bytes: Uint8Array) => boolean = () => true;

  constructor(network: Network, options: HostOptions) {
    this.network = network;
    this.endpoint = options.endpoint;
    this.v4 = options.v4;
    this.v6 = options.v6;
    const crypto = options.crypto ?? defaultProviders();
    const prng = new Prng(network.random.uint32());
    const privateKey = Secret.copyOf(options.privateKey ?? prng.bytes(32));
    this.device = new Device(
      { privateKey },
      {
        random: options.random ?? ((length) => prng.bytes(length)),
        wallNanos: () => network.wallNanos() + this.wallError,
        crypto,
      },
    );
    privateKey.zero();
    this.transport = new Transport(
      {
        sendDatagram: (datagram, to) => network.send(this.endpoint, to, datagram),
        writePacket: (packet) =>
          this.received.push({ at: network.now, packet: Uint8Array.from(packet) }),
      },
      options.aead ?? crypto.aead,
      options.mtu ?? 1420,
    );
    network.add(this);
  }

  /** Makes `other` a peer with its inner addresses, unless `change` says otherwise. */
  addPeer(other: Host, change: Partial<PeerChange> = {}, knowsEndpoint = true): PeerId {
    this.configure({
      publicKey: other.device.publicKey,
      ...(knowsEndpoint && { endpoint: other.endpoint }),
      allowedIps: [prefix(other.v4), prefix(other.v6)],
      ...change,
    });
    return this.peerId(other);
  }

  /** Changes what is known of a peer. */
  changePeer(other: Host, change: Partial<PeerChange>): void {
    this.configure({ publicKey: other.device.publicKey, ...change });
  }

  configure(change: PeerChange): void {
    this.device.configure(this.network.now, change);
    this.settle();
  }

  peerId(other: Host): PeerId {
    const key = Buffer.from(other.device.publicKey);
    const status = this.device.peers().find(({ publicKey }) => key.equals(publicKey));
    if (!status) throw new Error('no such peer');
    return status.id;
  }

  /** A program on this host sends a packet to the inner IPv4 address of the other. */
  send(other: Host, payload: Uint8Array | string): void {
    this.handlePacket(ipPacket(this.v4, other.v4, payload));
  }

  handlePacket(packet: Uint8Array): void {
    this.transport.handlePacket(this.network.now, packet);
    this.settle();
  }

  handleDatagram(bytes: Uint8Array, from: Endpoint): void {
    if (!this.accepts(bytes)) return;
    this.transport.handleDatagram(this.network.now, bytes, from);
    this.settle();
  }

  nextTimeout(): Millis | undefined {
    return this.isStalled ? undefined : this.device.pollTimeout();
  }

  handleTimeout(): void {
    this.device.handleTimeout(this.network.now);
    this.settle();
  }

  close(): void {
    this.device.close();
    this.settle();
    this.transport.close();
  }

  /** Hands events up and actions down until there are no more. */
  settle(): void {
    const { now } = this.network;
    while (!this.isStalled) {
      const events = this.transport.takeEvents();
      for (const event of events) this.device.handleEvent(now, event);
      this.events.push(...events);
      let action = this.device.pollAction();
      if (!action && events.length === 0) return;
      for (; action; action = this.device.pollAction()) {
        this.actions.push(action);
        this.transport.apply(now, action);
      }
    }
  }
}

export function prefix(text: string): IpPrefix {
  const parsed = parsePrefix(text);
  if (!parsed) throw new Error(`no prefix: ${text}`);
  return parsed;
}
