import { MAX_STAGED_PACKETS } from './constants.js';
import type { DataPlaneEvent, Endpoint, Millis, PeerId } from './dataplane.js';
import { KeypairSlots } from './keypair.js';
import type { TransportSession } from './transportsession.js';

/** A round trip: what a new endpoint is followed by has shown the peer our present address. */
const AVOID_SOURCE_FOR: Millis = 1000;

/** What the data plane knows about a peer. */
export class TransportPeer {
  readonly id: PeerId;
  readonly sessions: KeypairSlots<TransportSession> = new KeypairSlots();
  /**
   * Where its messages come from: this very object, to which the sockets may have tied which of our
   * addresses they come to. A copy of it has no such tie.
   */
  endpoint: Endpoint | undefined;
  #avoided: { readonly endpoint: Endpoint; readonly until: Millis } | undefined;
  /** Initiations sent since the last authentic message was received. */
  #unanswered = 0;
  /** Packets that wait for a key, the oldest first. */
  staged: Uint8Array[] = [];
  rxBytes = 0;
  txBytes = 0;
  /** This flag and those below: what has happened since the last `takeEvents`. */
  dataSent = false;
  dataReceived = false;
  keepaliveSent = false;
  keepaliveReceived = false;
  needsHandshake = false;

  constructor(id: PeerId) {
    this.id = id;
  }

  /** Sets the endpoint, and lets the sockets choose again which of our addresses is sent from. */
  place(endpoint: Endpoint, now: Millis): void {
    // Messages that were sent to our previous address may still arrive.
    if (this.endpoint) this.#avoided = { endpoint: this.endpoint, until: now + AVOID_SOURCE_FOR };
    this.endpoint = { ...endpoint };
  }

  /** To be called for an authentic message. Returns whether it is from another address or port. */
  heardFrom(from: Endpoint, now: Millis): boolean {
    this.#unanswered = 0;
    const known = this.endpoint;
    if (known === from) return false;
    const isElsewhere = known?.port !== from.port || known.address !== from.address;
    const avoided = this.#avoided;
    if (avoided && now >= avoided.until) this.#avoided = undefined;
    if (isElsewhere || from !== this.#avoided?.endpoint) this.endpoint = from;
    return isElsewhere;
  }

  /** To be called for each handshake message before it is sent. */
  isAsking(isInitiation: boolean): void {
    // The last initiation was not answered, perhaps because of the address of ours that it was sent from.
    if (isInitiation && this.#unanswered++ > 0 && this.endpoint)
      this.endpoint = { ...this.endpoint };
  }

  /** Keeps a copy of a packet; beyond MAX_STAGED_PACKETS the oldest is dropped. */
  stage(packet: Uint8Array): void {
    if (this.staged.length >= MAX_STAGED_PACKETS) this.staged.shift();
    this.staged.push(Uint8Array.from(packet));
  }

  takeEvents(): DataPlaneEvent[] {
    const { id: peer, dataSent, dataReceived, keepaliveSent, keepaliveReceived } = this;
    const events: DataPlaneEvent[] = [];
    if (dataSent || dataReceived || keepaliveSent || keepaliveReceived) {
      const sent = { dataSent, keepaliveSent };
      const received = { dataReceived, keepaliveReceived };
      events.push({ type: 'traffic', peer, ...sent, ...received });
    }
    if (this.needsHandshake) events.push({ type: 'needsHandshake', peer });
    this.dataSent = this.dataReceived = this.keepaliveSent = this.keepaliveReceived = false;
    this.needsHandshake = false;
    return events;
  }
}
