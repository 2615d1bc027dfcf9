/** The events of a tunnel. */

/**
 * `up`: packets are accepted and no peer has a session; `connected`: at least one peer has a session;
 * `closing` and `closed`: the tunnel is going down, or is down.
 */
export type TunnelState = 'up' | 'connected' | 'closing' | 'closed';

/** A handshake is complete, and its session in use. */
export interface HandshakeEvent {
  /** Base64. */
  readonly publicKey: string;
  /** The local side's role in it. */
  readonly role: 'initiator' | 'responder';
  /** `192.0.2.1:51820`, `[2001:db8::1]:51820`. */
  readonly endpoint?: string;
}

/** A peer has roamed, was given another endpoint, or has an endpoint for the first time. */
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

/** Names of events and the arguments of their listeners. */
export interface TunnelEvents {
  /** When the state has changed. */
  state: [state: TunnelState, previous: TunnelState];
  /** After each handshake, those of renewals included. */
  handshake: [event: HandshakeEvent];
  /** When the address or the port has changed. */
  endpoint: [event: EndpointEvent];
  /** When the totals have changed, at most once per `transferInterval` and peer. */
  transfer: [event: TransferEvent];
  /**
   * The error for which the tunnel closes. Without a listener nothing is thrown: `closed` resolves to
   * it too.
   */
  error: [error: Error];
}

/** Milliseconds between two `transfer` events of a peer. */
export const TRANSFER_INTERVAL = 1000;
