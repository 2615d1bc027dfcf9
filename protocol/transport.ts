/**
 * The portable data plane without its IO: seals packets from the TUN device, opens datagrams from UDP
 * (section 5.4.6), routes by AllowedIPs, and reports to the control plane. It owns the data plane's half
 * of the state, as described at the top of dataplane.ts.
 */
import type { AeadProvider } from '../crypto/aead.js';
import { AllowedIps } from './allowedips.js';
import { HANDSHAKE_TRAFFIC_CLASS, PADDING, REKEY_AFTER_MESSAGES } from './constants.js';
import type {
  Action,
  DataPlaneEvent,
  Endpoint,
  Millis,
  PeerId,
  Transfer,
  TransportKeypair,
} from './dataplane.js';
import { UnreachableReplies } from './icmp.js';
import { zeroKeys } from './keypair.js';
import {
  classify,
  MessageType,
  readCounter,
  readReceiver,
  TRANSPORT_HEADER_LENGTH,
  TRANSPORT_OVERHEAD,
  writeTransportHeader,
} from './messages.js';
import { DESTINATION_OFFSET, ipFamily, ipLength, SOURCE_OFFSET } from './packet.js';
import { TransportPeer } from './transportpeer.js';
import { TransportSession } from './transportsession.js';

/** Receives the results. Buffers belong to the transport and are valid only until the call returns. */
export interface TransportSink {
  /** Sends a datagram. `trafficClass` is the byte of that name in the outer IP header. */
  sendDatagram(datagram: Uint8Array, to: Endpoint, trafficClass: number): void;
  /** Writes to the TUN device: a packet from a peer, or an ICMP error for one that cannot be sent. */
  writePacket(packet: Uint8Array): void;
}

const MAX_PACKET = 65535;
const MAX_DATAGRAM: number = MAX_PACKET + TRANSPORT_OVERHEAD;
const NOTHING = new Uint8Array(0);

/** Seals, opens and routes packets for one Device. The owner of the IO calls it with the time. */
export class Transport {
  readonly #sink: TransportSink;
  readonly #aead: AeadProvider;
  readonly #peers = new Map<PeerId, TransportPeer>();
  readonly #routes = new AllowedIps<TransportPeer>();
  readonly #sessions = new Map<number, TransportSession>();
  readonly #owners = new Map<TransportSession, TransportPeer>();
  readonly #unreachable = new UnreachableReplies();
  readonly #touched = new Set<TransportPeer>();
  #events: DataPlaneEvent[] = [];
  /** A separate buffer, since opening a packet can send staged ones before the opened one is delivered. */
  readonly #opened = new Uint8Array(MAX_PACKET);
  readonly #paddedPacket = new Uint8Array(MAX_PACKET + PADDING);
  readonly #datagram = new Uint8Array(MAX_PACKET + PADDING + TRANSPORT_OVERHEAD);
  #mtu: number;

  /** `mtu` is the MTU of the TUN device, in bytes; padding never goes beyond it. */
  constructor(sink: TransportSink, aead: AeadProvider, mtu: number) {
    this.#sink = sink;
    this.#aead = aead;
    this.#mtu = mtu;
  }

  /** Sets the MTU of the TUN device, in bytes. */
  setMtu(mtu: number): void {
    this.#mtu = mtu;
  }

  /** Like `DataPlane.apply`, at `now`. */
  apply(now: Millis, action: Action): void {
    if (action.type === 'setPeer') this.#setPeer(now, action);
    else if (action.type === 'sendCookieReply')
      this.#sink.sendDatagram(action.message, action.to, HANDSHAKE_TRAFFIC_CLASS);
    else this.#applyToPeer(now, action);
  }

  #applyToPeer(
    now: Millis,
    action: Exclude<Action, { type: 'setPeer' | 'sendCookieReply' }>,
  ): void {
    const peer = this.#peers.get(action.peer);
    if (!peer) {
      if (action.type === 'installKeypair') zeroKeys(action.keypair);
      return;
    }
    switch (action.type) {
      case 'removePeer':
        this.#dropKeypairs(peer);
        this.#routes.removeByValue(peer);
        this.#peers.delete(peer.id);
        this.#touched.delete(peer);
        break;
      case 'handshakeAuthenticated':
        peer.heardFrom(action.from, now);
        peer.rxBytes += action.bytes;
        break;
      case 'installKeypair':
        this.#install(peer, action.keypair);
        break;
      case 'dropKeypairs':
        this.#dropKeypairs(peer);
        break;
      case 'dropStaged':
        peer.staged = [];
        break;
      case 'sendHandshake':
        peer.isAsking(action.message[0] === MessageType.initiation);
        if (peer.endpoint) this.#send(peer, action.message, peer.endpoint, HANDSHAKE_TRAFFIC_CLASS);
        break;
      case 'sendKeepalive':
        this.#sendKeepalive(now, peer);
        break;
    }
  }

  /** Handles a packet from the TUN device. */
  handlePacket(now: Millis, packet: Uint8Array): void {
    const family = ipFamily(packet);
    if (family === undefined) return;
    const peer = this.#routes.lookup(packet, DESTINATION_OFFSET[family], family);
    if (!peer?.endpoint) {
      const reply = this.#unreachable.replyTo(now, packet, family);
      if (reply) this.#sink.writePacket(reply);
      return;
    }
    const session = peer.sessions.current;
    if (session?.canSend(now)) {
      this.#seal(peer, session, packet, peer.endpoint);
      return;
    }
    peer.stage(packet);
    this.#needHandshake(peer);
  }

  /**
   * Handles a datagram from UDP. Malformed, unknown, forged, replayed and expired ones are dropped
   * silently. `from` may be kept.
   */
  handleDatagram(now: Millis, datagram: Uint8Array, from: Endpoint): void {
    const messageType = classify(datagram);
    if (messageType === undefined || datagram.length > MAX_DATAGRAM) return;
    if (messageType !== MessageType.transport) {
      const message = Uint8Array.from(datagram);
      this.#events.push({ type: 'handshake', messageType, message, from });
      return;
    }
    const session = this.#sessions.get(readReceiver(datagram));
    const peer = session && this.#owners.get(session);
    if (!session || !peer || session.isExpired(now)) return;
    const sealed = datagram.subarray(TRANSPORT_HEADER_LENGTH);
    if (!session.open(readCounter(datagram), sealed, this.#opened)) return;
    peer.rxBytes += datagram.length;
    if (peer.heardFrom(from, now))
      this.#events.push({ type: 'roamed', peer: peer.id, endpoint: from });
    this.#touched.add(peer);
    const length = datagram.length - TRANSPORT_OVERHEAD;
    if (length === 0) peer.keepaliveReceived = true;
    else peer.dataReceived = true;
    if (peer.sessions.isConfirmedBy(session)) this.#promote(now, peer, session);
    if (length > 0) this.#deliver(peer, this.#opened.subarray(0, length));
  }

  /** Returns the events since the last call, in order. To be called once after each batch. */
  takeEvents(): readonly DataPlaneEvent[] {
    for (const peer of this.#touched) this.#events.push(...peer.takeEvents());
    this.#touched.clear();
    const events = this.#events;
    if (events.length > 0) this.#events = [];
    return events;
  }

  /** Like `DataPlane.transfer`. */
  transfer(id: PeerId): Transfer {
    const peer = this.#peers.get(id);
    return { rxBytes: BigInt(peer?.rxBytes ?? 0), txBytes: BigInt(peer?.txBytes ?? 0) };
  }

  /** Zeroes all keys and forgets all peers. */
  close(): void {
    for (const peer of this.#peers.values()) this.#dropKeypairs(peer);
    this.#peers.clear();
    this.#touched.clear();
    this.#opened.fill(0);
    this.#paddedPacket.fill(0);
  }

  #setPeer(now: Millis, action: Extract<Action, { type: 'setPeer' }>): void {
    let peer = this.#peers.get(action.peer);
    if (!peer) {
      peer = new TransportPeer(action.peer);
      this.#peers.set(action.peer, peer);
    }
    if (action.endpoint) peer.place(action.endpoint, now);
    if (!action.allowedIps) return;
    if (action.allowedIps.replace) this.#routes.removeByValue(peer);
    for (const prefix of action.allowedIps.remove) this.#routes.remove(prefix, peer);
    for (const prefix of action.allowedIps.add) this.#routes.insert(prefix, peer);
  }

  #install(peer: TransportPeer, keypair: TransportKeypair): void {
    const session = new TransportSession(this.#aead, keypair);
    zeroKeys(keypair);
    this.#sessions.set(session.localIndex, session);
    this.#owners.set(session, peer);
    for (const dropped of peer.sessions.install(session)) this.#forget(dropped);
  }

  #promote(now: Millis, peer: TransportPeer, session: TransportSession): void {
    this.#forget(peer.sessions.promote());
    const { localIndex } = session;
    this.#events.push({ type: 'keyConfirmed', peer: peer.id, localIndex });
    this.#sendStaged(now, peer);
  }

  #dropKeypairs(peer: TransportPeer): void {
    for (const session of peer.sessions.clear()) this.#forget(session);
  }

  #forget(session: TransportSession | undefined): void {
    if (!session) return;
    session.destroy();
    this.#owners.delete(session);
    if (this.#sessions.get(session.localIndex) === session)
      this.#sessions.delete(session.localIndex);
  }

  #sendKeepalive(now: Millis, peer: TransportPeer): void {
    if (!peer.endpoint) return;
    const session = peer.sessions.current;
    if (!session?.canSend(now)) this.#needHandshake(peer);
    else if (peer.staged.length > 0) this.#sendStaged(now, peer);
    else this.#seal(peer, session, NOTHING, peer.endpoint);
  }

  #sendStaged(now: Millis, peer: TransportPeer): void {
    const session = peer.sessions.current;
    const { endpoint, staged } = peer;
    if (!endpoint || staged.length === 0) return;
    peer.staged = [];
    for (const [i, packet] of staged.entries()) {
      if (!session?.canSend(now)) {
        peer.staged = staged.slice(i);
        this.#needHandshake(peer);
        return;
      }
      this.#seal(peer, session, packet, endpoint);
    }
  }

  #seal(
    peer: TransportPeer,
    session: TransportSession,
    packet: Uint8Array,
    endpoint: Endpoint,
  ): void {
    const counter = session.takeCounter();
    const padded = this.#padded(packet.length);
    let plaintext = packet;
    if (padded !== packet.length) {
      plaintext = this.#paddedPacket.subarray(0, padded);
      plaintext.set(packet);
      plaintext.fill(0, packet.length);
    }
    const datagram = this.#datagram.subarray(0, padded + TRANSPORT_OVERHEAD);
    writeTransportHeader(datagram, session.remoteIndex, counter);
    session.seal(counter, plaintext, datagram.subarray(TRANSPORT_HEADER_LENGTH));
    this.#send(peer, datagram, endpoint);
    this.#touched.add(peer);
    if (packet.length === 0) peer.keepaliveSent = true;
    else peer.dataSent = true;
    if (counter >= REKEY_AFTER_MESSAGES) this.#needHandshake(peer);
  }

  /** Rounds up to a multiple of 16, but not beyond the MTU (section 5.4.6 and the kernel's practice). */
  #padded(length: number): number {
    const padded = (length + PADDING - 1) & -PADDING;
    return length <= this.#mtu ? Math.min(padded, this.#mtu) : padded;
  }

  #send(peer: TransportPeer, datagram: Uint8Array, to: Endpoint, trafficClass = 0): void {
    peer.txBytes += datagram.length;
    this.#sink.sendDatagram(datagram, to, trafficClass);
  }

  /** Cryptokey routing (section 2): the inner source must be in the peer's AllowedIPs. */
  #deliver(peer: TransportPeer, plaintext: Uint8Array): void {
    const family = ipFamily(plaintext);
    if (family === undefined) return;
    const length = ipLength(plaintext, family);
    if (length === undefined) return;
    if (this.#routes.lookup(plaintext, SOURCE_OFFSET[family], family) !== peer) return;
    this.#sink.writePacket(plaintext.subarray(0, length));
  }

  #needHandshake(peer: TransportPeer): void {
    peer.needsHandshake = true;
    this.#touched.add(peer);
  }
}
