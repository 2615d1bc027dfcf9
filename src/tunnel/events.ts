/** What a tunnel tells the program that has connected it. */

/**
 * `up`: packets are taken and nobody has a session; `connected`: a session with at least one peer is
 * there; `closing` and `closed`: the tunnel goes down, or is.
 */
export type TunnelState = 'up' | 'connected' | 'closing' | 'closed';

/** A handshake is complete, and its session in use. */
export interface HandshakeEvent {
  /** Base64. */
  readonly publicKey: string;
  /** Which part we had in it. */
  readonly role: 'initiator' | 'responder';
  /** `192.0.2.1:51820`, `[2001:db8::1]:51820`. */
  readonly endpoint?: string;
}

/** A peer has roamed, was moved, or is known to be somewhere for the first time. */
export interface EndpointEvent {
  /** Base64. */
  readonly publicKey: string;
  /** `192.0.2.1:51820`, `[2001:db8::1]:51820`. */
  readonly endpoint: string;
}

/** Totals since the peer was added: bytes of UDP payload, as wg(8) counts them. */
export interface TransferEvent {
  /** Base64. */
  readonly publicKey: string;
  /** Received from the peer. */
  readonly rxBytes: bigint;
  /** Sent to the peer. */
  readonly txBytes: bigint;
}

/** Names of events and what their listeners are given. */
export interface TunnelEvents {
  /** When it is another than before. */
  state: [state: TunnelState, previous: TunnelState];
  /** After each handshake, those of renewals included. */
  handshake: [event: HandshakeEvent];
  /** When the address or the port is another than before. */
  endpoint: [event: EndpointEvent];
  /** When the totals have changed, at most once per `transferInterval` and peer. */
  transfer: [event: TransferEvent];
  /** Why the tunnel closes by itself. Without a listener nothing is thrown: `closed` tells it too. */
  error: [error: Error];
}

/** The peer's counters are told so often, in milliseconds. */
export const TRANSFER_INTERVAL = 1000;
