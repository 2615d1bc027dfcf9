import type { Endpoint } from '../protocol/dataplane.js';
import { WgTsError } from '../system/errors.js';

/** The callbacks of a UDP transport. */
export interface UdpHandlers {
  /**
   * Called once per datagram. `bytes` belongs to the transport and is valid only during the call.
   * `from` may be kept; datagrams of one source often have the same object.
   */
  onDatagram(bytes: Uint8Array, from: Endpoint): void;
  /** Called after the last of several datagrams that arrived together. */
  onBatchEnd?(): void;
  /** Called when a datagram was not sent: no route, a firewall's refusal, too long. Never fatal. */
  onSendError?(error: Error, to: Endpoint): void;
}

/** Totals since the transport was opened. */
export interface UdpCounters {
  /** Datagrams that the system refused, or that found its queue full. */
  readonly sendErrors: number;
  /** Failed receptions, and datagrams that were cut off. */
  readonly receiveErrors: number;
}

/**
 * Carries the datagrams of a tunnel. A program's own transport needs `port`, `start`, `send` and
 * `close`. It need not be UDP, as long as each datagram arrives whole or not at all, and has an IP
 * address and a port as its source. Exceptions of its `send` are only logged, and the datagrams it
 * delivers are checked.
 */
export interface UdpTransport {
  /**
   * The port at which it is reached, shown as `listenPort` of the tunnel; 0 where it has no meaning.
   */
  readonly port: number;
  /** Starts receiving. Called once. */
  start(handlers: UdpHandlers): void;
  /**
   * Sends before the current turn of the event loop ends; the caller may reuse `datagram` at once,
   * except that a program's own transport may keep the one it is given. Never throws for errors of the
   * network or the system. `trafficClass` is the byte of that name in the IP header; it is ignored
   * where it cannot be set for a single datagram (`dgram`).
   */
  send(datagram: Uint8Array, to: Endpoint, trafficClass?: number): void;
  /**
   * Sets the firewall mark of all later datagrams; 0 is none. Throws UdpError ERR_MARK where it cannot
   * be set. Absent: there are no marks, and a tunnel with FwMark is refused.
   */
  setMark?(mark: number): void;
  /**
   * Lets the process end although the transport is receiving; absent where it never keeps the process
   * alive. A tunnel calls it, since it has its own handle that keeps the process alive.
   */
  unref?(): void;
  /** Called once, when the tunnel ends or changes to another transport. */
  close(): Promise<void> | void;
}

/**
 * The system's transport: an IPv4 socket and, where the machine has it, an IPv6 socket on the same
 * port.
 */
export interface UdpSockets extends UdpTransport {
  /** `dgram` or `mmsg`. */
  readonly implementation: string;
  /** Whether it can send to IPv6 addresses. */
  readonly hasIpv6: boolean;
  /** For the log; the values only grow. */
  readonly counters: UdpCounters;
  setMark(mark: number): void;
  /** Idempotent. */
  close(): Promise<void>;
}

/** The operations on sockets that every data plane uses. */
export interface PlaneSockets {
  /** 0 where it has no meaning. */
  readonly port: number;
  /** Sets the firewall mark of all later datagrams; 0 is none. Throws UdpError ERR_MARK. */
  setMark(mark: number): void;
  /** Idempotent. */
  close(): Promise<void>;
}

/**
 * For a data plane that reads and writes the sockets itself: a socket of each family for each worker.
 */
export interface UdpQueues extends PlaneSockets {
  readonly v4: readonly number[];
  /** Empty without IPv6. */
  readonly v6: readonly number[];
  /**
   * Sends everything by the interface with this index, whatever the routes say. Absent where the system
   * keeps the datagrams out of the tunnel by other means. Throws UdpError ERR_SOCKET.
   */
  bindInterface?(family: 4 | 6, index: number): void;
}

/** Opens sockets like the previous ones, but on this port and with this mark. Throws UdpError. */
export type OpenSockets<Sockets extends PlaneSockets> = (
  change: Pick<UdpOptions, 'port' | 'mark'>,
) => Promise<Sockets>;

/** The sockets of a data plane, which are replaced when the port changes. */
export class ReplaceableSockets<Sockets extends PlaneSockets> {
  #current: Sockets;
  readonly #open: OpenSockets<Sockets>;
  /** Undefined: the default of `open`. */
  #mark: number | undefined;

  constructor(first: Sockets, open: OpenSockets<Sockets>) {
    this.#current = first;
    this.#open = open;
  }

  get current(): Sockets {
    return this.#current;
  }

  /**
   * Replaces the sockets; the previous ones are closed when `adopt` has taken over the new ones.
   * Returns the port. Throws what `adopt` throws, and UdpError; then the previous ones stay, and the
   * new ones are closed.
   */
  async listen(port: number, adopt: (next: Sockets) => void): Promise<number> {
    const mark = this.#mark;
    const next = await this.#open({ port, ...(mark !== undefined && { mark }) });
    try {
      adopt(next);
      const before = this.#current;
      this.#current = next;
      await before.close();
    } catch (error) {
      await next.close();
      throw error;
    }
    return next.port;
  }

  /** Also applies to sockets that replace the current ones. Throws UdpError ERR_MARK. */
  setMark(mark: number): void {
    this.#current.setMark(mark);
    this.#mark = mark;
  }
}

/** How a UDP transport is opened. */
export interface UdpOptions {
  /** 0 or absent: the system chooses. */
  readonly port?: number;
  /** Firewall mark of all datagrams; 0 or absent is none. */
  readonly mark?: number;
  /** IPv4 address to listen on; by default all. */
  readonly ipv4Address?: string;
  /** IPv6 address to listen on; by default all. */
  readonly ipv6Address?: string;
  /** False: IPv4 only. */
  readonly ipv6?: boolean;
  /** Called with one line for the log, for example when the machine has no IPv6. */
  readonly onDebug?: (note: string) => void;
}

/** Codes of UdpError; docs/errors.md explains each. */
export type UdpErrorCode = 'ERR_PORT_IN_USE' | 'ERR_MARK' | 'ERR_SEND' | 'ERR_SOCKET';

/** A UDP socket could not be opened, configured or used for sending. The message is one line. */
export class UdpError extends WgTsError {
  /** Stable across versions. */
  declare readonly code: UdpErrorCode;
  /** The system's name for the error, such as `EPERM`, if there is one. */
  readonly reason: string | undefined;

  /** `message` is one line. */
  constructor(code: UdpErrorCode, message: string, reason?: string) {
    super(code, message);
    this.name = 'UdpError';
    this.reason = reason;
  }
}

export function noMarks(): UdpError {
  return new UdpError('ERR_MARK', 'firewall marks need Linux');
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

/** 4 MiB holds some thousand datagrams, which is as much as a busy event loop may fall behind. */
export const SOCKET_BUFFER_BYTES: number = 4 * 1024 * 1024;

/** Resolves to what `open` opens, or to undefined when IPv6 is not wanted or the machine has none. */
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
 * Opens the IPv4 socket and then, on the port it got, the IPv6 one. When the system chose a port that
 * is in use in IPv6, another one is tried. `open6` resolves to undefined where the machine has no IPv6.
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
