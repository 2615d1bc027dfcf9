/**
 * The seam between the control plane (Device) and the data plane (portable or native).
 *
 * The control plane owns the handshake secrets, cookies and indices, and decides when to rekey, retry,
 * give up and keep alive. The data plane owns the transport keys, the send counter, the replay window,
 * the keypair slots previous, current and next with the promotion of next, the AllowedIPs check in both
 * directions, roaming, staged packets, padding, and the hard limits REJECT_AFTER_TIME and
 * REJECT_AFTER_MESSAGES: a stalled event loop must never extend the life of a key.
 *
 * Handshake messages (types 1 to 3) always go up, transport messages (type 4) never do.
 */
import type { Secret } from '../crypto/secret.js';
import type { IpPrefix } from './ip.js';

/** Monotonic milliseconds with an arbitrary start; may have a fraction. */
export type Millis = number;

/** A peer's handle for as long as it is configured; never reused within one Device. */
export type PeerId = number;

/** The source or destination of datagrams. `address` is canonical text (RFC 5952 for IPv6). */
export interface Endpoint {
  /** An IPv4 or IPv6 address, never a host name; a link-local address has its zone. */
  readonly address: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** Transport keys of one session, made by a handshake. The data plane takes ownership of both secrets. */
export interface TransportKeypair {
  /** The index that we chose; it is in the messages that we receive. */
  readonly localIndex: number;
  /** The index that the peer chose; it is in the messages that we send. */
  readonly remoteIndex: number;
  /** 32 bytes. */
  readonly sendKey: Secret;
  /** 32 bytes. */
  readonly receiveKey: Secret;
  /** Whether we initiated the handshake; then it is up to us to renew the session. */
  readonly isInitiator: boolean;
  /** When the keypair was made; its age limits count from then. */
  readonly createdAt: Millis;
  /** The first send counter, for a session that is taken over; by default 0, as for a new one. */
  readonly sendCounter?: bigint;
}

/** A change of a peer's AllowedIPs: `replace` is applied first, then `remove`, then `add`. */
export interface AllowedIpsChange {
  /** Whether to drop all prefixes that the peer had before. */
  readonly replace: boolean;
  /** Prefixes to add. Each is taken from the peer that has it. */
  readonly add: readonly IpPrefix[];
  /** Prefixes to remove. Those that the peer does not have are ignored. */
  readonly remove: readonly IpPrefix[];
}

/** A command from Device to the data plane. */
export type Action =
  | {
      /**
       * Adds the peer, or changes the given properties; those left out stay unchanged. An endpoint, also
       * the one that the peer has, lets the system choose again which of our addresses is sent from.
       */
      readonly type: 'setPeer';
      readonly peer: PeerId;
      readonly endpoint?: Endpoint;
      readonly allowedIps?: AllowedIpsChange;
    }
  | { readonly type: 'removePeer'; readonly peer: PeerId }
  | {
      /** A handshake message of the peer is authentic: the peer roams to `from`, and `bytes` are counted. */
      readonly type: 'handshakeAuthenticated';
      readonly peer: PeerId;
      readonly from: Endpoint;
      readonly bytes: number;
    }
  | {
      /** The initiator's keypair becomes current at once; the responder's waits in the slot next. */
      readonly type: 'installKeypair';
      readonly peer: PeerId;
      readonly keypair: TransportKeypair;
    }
  /** Zeroes and forgets the peer's keypairs in all slots. */
  | { readonly type: 'dropKeypairs'; readonly peer: PeerId }
  /** Drops the staged packets, since the handshake they waited for was given up. */
  | { readonly type: 'dropStaged'; readonly peer: PeerId }
  /** Sends to the peer's current endpoint; without one the message is dropped. */
  | { readonly type: 'sendHandshake'; readonly peer: PeerId; readonly message: Uint8Array }
  /** Sends to the source of an unauthenticated message, which must not make any peer roam. */
  | { readonly type: 'sendCookieReply'; readonly to: Endpoint; readonly message: Uint8Array }
  /** Sends an empty transport message, or the staged packets if there are any. */
  | { readonly type: 'sendKeepalive'; readonly peer: PeerId };

/** An event that the data plane reports to Device. */
export type DataPlaneEvent =
  | {
      readonly type: 'handshake';
      /** The type in the message: 1 is an initiation, 2 a response, 3 a cookie reply. */
      readonly messageType: 1 | 2 | 3;
      /** The reserved bytes and the length have been checked for the type; nothing else has. */
      readonly message: Uint8Array;
      readonly from: Endpoint;
    }
  /** A packet waits for a key, or the send counter passed REKEY_AFTER_MESSAGES. */
  | { readonly type: 'needsHandshake'; readonly peer: PeerId }
  /** The first transport message under the responder's next keypair made it current. */
  | { readonly type: 'keyConfirmed'; readonly peer: PeerId; readonly localIndex: number }
  /** An authenticated transport message came from a new source. */
  | { readonly type: 'roamed'; readonly peer: PeerId; readonly endpoint: Endpoint }
  /** The peer's traffic since its last such event; it drives the timers of section 6. */
  | {
      readonly type: 'traffic';
      readonly peer: PeerId;
      /** Whether transport messages with data were sent. */
      readonly dataSent: boolean;
      readonly dataReceived: boolean;
      readonly keepaliveSent: boolean;
      readonly keepaliveReceived: boolean;
    };

/** Totals of a peer since it was added. */
export interface Transfer {
  /** Received bytes of UDP payload, including handshakes and overhead, as wg(8) counts them. */
  readonly rxBytes: bigint;
  /** Sent bytes, counted in the same way. */
  readonly txBytes: bigint;
}

/** Moves the packets of one Device. */
export interface DataPlane {
  /** As shown by `wg-ts show`. */
  readonly name: string;
  /** Carries out an action. An action for an unknown peer is ignored. */
  apply(action: Action): void;
  /** Sets the listener; there is at most one. It is never called from within `apply`. */
  onEvents(listener: (batch: readonly DataPlaneEvent[]) => void): void;
  /** Returns the totals of a peer; zeros for an unknown peer. */
  transfer(peer: PeerId): Transfer;
  /** Closes the data plane and zeroes all keys. Idempotent. */
  close(): Promise<void>;
}

/** A data plane with its interface and sockets open, and the operations that concern all its peers. */
export interface RunningPlane extends DataPlane {
  /** The port on which its sockets listen; 0 where that has no meaning. */
  readonly port: number;
  /** Starts to move packets. To be called once. */
  start(): void;
  /** Sets the MTU of the interface, in bytes. */
  setMtu(mtu: number): void;
  /**
   * Replaces the sockets by others on this port (0: the system chooses), and resolves to the port.
   * Throws when they cannot be opened; nothing has then changed.
   */
  listen(port: number): Promise<number>;
  /** Sets the firewall mark of all later datagrams; 0 is none. Throws where it cannot be set. */
  setMark(mark: number): void;
  /**
   * Sends all later datagrams of this family through this interface; with undefined, none is sent.
   * Absent where the sockets cannot be bound in this way.
   */
  bindInterface?(family: 4 | 6, index: number | undefined): void;
}
