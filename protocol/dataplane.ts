/**
 * The seam between the control plane (Device) and the data plane (portable or native).
 *
 * Control owns: handshake secrets, cookies, indices, and when to rekey, retry, give up and keep
 * alive. Data owns: transport keys, the send counter, the replay window, the slots previous,
 * current and next with the promotion of next, the allowed-IPs check both ways, roaming, staged
 * packets, padding, and the hard limits REJECT_AFTER_TIME and REJECT_AFTER_MESSAGES: a stalled
 * event loop must never prolong a key.
 *
 * Handshake messages (types 1 to 3) always go up, transport messages (type 4) never do.
 */
import type { Secret } from '../crypto/secret.js';
import type { IpPrefix } from './ip.js';

/** Monotonic milliseconds with an arbitrary start; may have a fraction. */
export type Millis = number;

/** A peer's handle for as long as it is configured; never reused within one Device. */
export type PeerId = number;

/** Where datagrams come from and go to. `address` is canonical text (RFC 5952 for IPv6). */
export interface Endpoint {
  /** Of IPv4 or IPv6, never a name; a link-local one with its zone. */
  readonly address: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** Transport keys of one session, made by a handshake. The data plane takes over both secrets. */
export interface TransportKeypair {
  /** The index that we chose: in the messages we receive. */
  readonly localIndex: number;
  /** The index that the peer chose: in the messages we send. */
  readonly remoteIndex: number;
  /** 32 bytes. */
  readonly sendKey: Secret;
  /** 32 bytes. */
  readonly receiveKey: Secret;
  /** Whether the handshake was ours: then the session is ours to renew. */
  readonly isInitiator: boolean;
  /** From which the limits of its age count. */
  readonly createdAt: Millis;
  /** Where the send counter begins, for a session that is taken over; 0 for a new one. */
  readonly sendCounter?: bigint;
}

/** `replace` comes first, then `remove`, then `add`. */
export interface AllowedIpsChange {
  /** Forget all that the peer had before. */
  readonly replace: boolean;
  /** Each moves here from the peer that has it. */
  readonly add: readonly IpPrefix[];
  /** What the peer does not have is passed over. */
  readonly remove: readonly IpPrefix[];
}

/** What Device tells the data plane to do. */
export type Action =
  | {
      /** Makes the peer known, or changes what is given; what is left out stays as it is. */
      readonly type: 'setPeer';
      readonly peer: PeerId;
      readonly endpoint?: Endpoint;
      readonly allowedIps?: AllowedIpsChange;
    }
  | { readonly type: 'removePeer'; readonly peer: PeerId }
  | {
      /** A handshake message of the peer was found authentic: it roams and is counted. */
      readonly type: 'handshakeAuthenticated';
      readonly peer: PeerId;
      readonly from: Endpoint;
      readonly bytes: number;
    }
  | {
      /** The initiator's keypair is current at once, the responder's waits as next. */
      readonly type: 'installKeypair';
      readonly peer: PeerId;
      readonly keypair: TransportKeypair;
    }
  /** Zeroes and forgets the peer's keypairs in all slots. */
  | { readonly type: 'dropKeypairs'; readonly peer: PeerId }
  /** The handshake was given up: the staged packets have nowhere to go. */
  | { readonly type: 'dropStaged'; readonly peer: PeerId }
  /** To the peer's present endpoint; without one the message is dropped. */
  | { readonly type: 'sendHandshake'; readonly peer: PeerId; readonly message: Uint8Array }
  /** To the source of an unauthenticated message, which must not roam anything. */
  | { readonly type: 'sendCookieReply'; readonly to: Endpoint; readonly message: Uint8Array }
  /** An empty transport message, or the staged packets if there are any. */
  | { readonly type: 'sendKeepalive'; readonly peer: PeerId };

/** What the data plane tells Device. */
export type DataPlaneEvent =
  | {
      readonly type: 'handshake';
      /** As the message has it: 1 is an initiation, 2 a response, 3 a cookie reply. */
      readonly messageType: 1 | 2 | 3;
      /** Reserved bytes and length are right for its type; nothing else of it is known. */
      readonly message: Uint8Array;
      readonly from: Endpoint;
    }
  /** A packet waits for a key, or the send counter passed REKEY_AFTER_MESSAGES. */
  | { readonly type: 'needsHandshake'; readonly peer: PeerId }
  /** The first transport message under the responder's next keypair made it current. */
  | { readonly type: 'keyConfirmed'; readonly peer: PeerId; readonly localIndex: number }
  /** An authenticated transport message came from a new source. */
  | { readonly type: 'roamed'; readonly peer: PeerId; readonly endpoint: Endpoint }
  /** What happened since the last such event of this peer; the timers of section 6 live on it. */
  | {
      readonly type: 'traffic';
      readonly peer: PeerId;
      /** Transport messages with data in them went out. */
      readonly dataSent: boolean;
      readonly dataReceived: boolean;
      readonly keepaliveSent: boolean;
      readonly keepaliveReceived: boolean;
    };

/** Totals of a peer since it was added. */
export interface Transfer {
  /** Bytes of UDP payload, handshakes and overhead included, as wg(8) counts them. */
  readonly rxBytes: bigint;
  /** Counted alike. */
  readonly txBytes: bigint;
}

/** Moves the packets of one Device. */
export interface DataPlane {
  /** As shown by `wg-ts show`. */
  readonly name: string;
  /** Carries an action out. One for a peer that is not there is passed over. */
  apply(action: Action): void;
  /** At most one listener. Called outside of `apply`. */
  onEvents(listener: (batch: readonly DataPlaneEvent[]) => void): void;
  /** Zeros for a peer that is not there. */
  transfer(peer: PeerId): Transfer;
  /** Zeroes all keys. Idempotent. */
  close(): Promise<void>;
}

/** A data plane that has its interface and its sockets, with what a tunnel asks of it as a whole. */
export interface RunningPlane extends DataPlane {
  /** On which its sockets listen; 0 where that means nothing. */
  readonly port: number;
  /** Packets move from now on. Once. */
  start(): void;
  /** Bytes, of the interface from now on. */
  setMtu(mtu: number): void;
  /**
   * Goes on with other sockets, on this port (0: the system chooses), and returns the port. When they
   * cannot be had it throws, and nothing has changed.
   */
  listen(port: number): Promise<number>;
  /** Firewall mark of all later datagrams; 0 is none. Throws where it cannot be set. */
  setMark(mark: number): void;
  /**
   * Datagrams leave by this interface from now on; undefined: none leaves. Absent where the sockets
   * cannot be bound so.
   */
  bindInterface?(family: 4 | 6, index: number | undefined): void;
}
