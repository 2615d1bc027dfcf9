import type { Endpoint } from '../protocol/dataplane.js';

export interface UdpHandlers {
  /**
   * Once per datagram. `bytes` belongs to the transport and is valid only during the call. `from`
   * may be kept; datagrams of one source often bring the same object.
   */
  onDatagram(bytes: Uint8Array, from: Endpoint): void;
  /** After the last of some datagrams that came together. */
  onBatchEnd?(): void;
  /** A datagram was not sent: no route, a firewall's refusal, too long. Never fatal. */
  onSendError?(error: UdpError, to: Endpoint): void;
}

export interface UdpCounters {
  /** Datagrams that the system refused, or that found its queue full. */
  readonly sendErrors: number;
  /** Failed receptions, and datagrams that were cut off. */
  readonly receiveErrors: number;
}

/** An IPv4 and, where the machine has it, an IPv6 socket on the same port. */
export interface UdpTransport {
  /** As shown by `wg-ts show`: `dgram` or `mmsg`. */
  readonly implementation: string;
  readonly port: number;
  readonly hasIpv6: boolean;
  readonly counters: UdpCounters;
  /** Begins to receive. Once. */
  start(handlers: UdpHandlers): void;
  /**
   * Sends before the current turn of the event loop ends; the caller may reuse `datagram` at once.
   * Never throws for what the network or the system thinks of it. `trafficClass` is the byte of that
   * name in the IP header; where it cannot be set for one datagram (`dgram`) it is passed over.
   */
  send(datagram: Uint8Array, to: Endpoint, trafficClass?: number): void;
  /** Firewall mark of all later datagrams; 0 is none. Throws UdpError ERR_MARK where it cannot be. */
  setMark(mark: number): void;
  /** Idempotent. */
  close(): Promise<void>;
}

export interface UdpOptions {
  /** 0 or absent: the system chooses. */
  readonly port?: number;
  readonly mark?: number;
  /** Listen on these addresses only; without, on all. */
  readonly ipv4Address?: string;
  readonly ipv6Address?: string;
  /** False: IPv4 only. */
  readonly ipv6?: boolean;
  /** One line for the log, such as that the machine has no IPv6. */
  readonly onDebug?: (note: string) => void;
}

export type UdpErrorCode = 'ERR_PORT_IN_USE' | 'ERR_MARK' | 'ERR_SEND' | 'ERR_SOCKET';

export class UdpError extends Error {
  readonly code: UdpErrorCode;
  /** The system's name for it, such as `EPERM`, when there is one. */
  readonly reason: string | undefined;

  constructor(code: UdpErrorCode, message: string, reason?: string) {
    super(message);
    this.name = 'UdpError';
    this.code = code;
    this.reason = reason;
  }
}

export function portInUse(port: number): UdpError {
  return new UdpError(
    'ERR_PORT_IN_USE',
    `UDP port ${port} is in use by another program: choose another ListenPort`,
    'EADDRINUSE',
  );
}

export function sendFailed(to: Endpoint, reason: string): UdpError {
  return new UdpError(
    'ERR_SEND',
    `cannot send to ${to.address} port ${to.port}: ${reason}`,
    reason,
  );
}

/** What 4 MiB holds, some thousand datagrams, is as much as a busy event loop may fall behind. */
export const SOCKET_BUFFER_BYTES: number = 4 * 1024 * 1024;

/** What `open` opens, or undefined without IPv6: not wanted, or not on this machine. */
export async function openIpv6<Socket>(
  options: UdpOptions,
  open: (address: string) => Socket | Promise<Socket>,
): Promise<Socket | undefined> {
  if (options.ipv6 === false) return undefined;
  try {
    return await open(options.ipv6Address ?? '::');
  } catch (error) {
    const reason = error instanceof UdpError ? error.reason : undefined;
    if (reason !== 'EAFNOSUPPORT' && reason !== 'EADDRNOTAVAIL') throw error;
    options.onDebug?.(`UDP over IPv4 only: this machine has no IPv6 (${reason})`);
    return undefined;
  }
}

const PORT_TRIES = 10;

/**
 * Opens the IPv4 socket and then, on the port it got, the IPv6 one. A port that the system chose
 * and that is taken in IPv6 is given up for another one. `open6` answers undefined where the
 * machine has no IPv6.
 */
export async function openSamePort<Socket extends { readonly port: number }>(
  wanted: number,
  open4: (port: number) => Promise<Socket>,
  open6: (port: number) => Promise<Socket | undefined>,
  close: (socket: Socket) => void,
): Promise<[Socket, Socket | undefined]> {
  for (let tries = 1; ; tries++) {
    const v4 = await open4(wanted);
    try {
      return [v4, await open6(v4.port)];
    } catch (error) {
      close(v4);
      const collided = error instanceof UdpError && error.code === 'ERR_PORT_IN_USE';
      if (!collided || wanted !== 0 || tries === PORT_TRIES) throw error;
    }
  }
}
