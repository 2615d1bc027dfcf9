import { MAX_STAGED_PACKETS } from './constants.js';
import type { DataPlaneEvent, Endpoint, PeerId } from './dataplane.js';
import { KeypairSlots } from './keypair.js';
import type { TransportSession } from './transportsession.js';

/** What the data plane knows about a peer. */
export class TransportPeer {
  readonly id: PeerId;
  readonly sessions: KeypairSlots<TransportSession> = new KeypairSlots();
  endpoint: Endpoint | undefined;
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
