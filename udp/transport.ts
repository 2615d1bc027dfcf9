import type { Endpoint } from '../protocol/dataplane.js';
import { WgTsError } from '../system/errors.js';

/** Whom a UDP transport tells what happens. */
export interface UdpHandlers {
  /**
   * Once per datagram. `bytes` belongs to the transport and is valid only during the call. `from`
   * may be kept; datagrams of one source often bring the same object.
   */
  onDatagram(bytes: Uint8Array, from: Endpoint): void;
  /** After the last of some datagrams that came together. */
  onBatchEnd?(): void;
  /** A datagram was not sent: no route, a firewall's refusal, too long. Never fatal. */
  onSendError?(error: Error, to: Endpoint): void;
}

/** Since the transport was opened. */
export interface UdpCounters {
  /** Datagrams that the system refused, or that found its queue full. */
  readonly sendErrors: number;
  /** Failed receptions, and datagrams that were cut off. */
  readonly receiveErrors: number;
}

/**
 * What carries the datagrams of a tunnel. A program that brings its own needs `port`, `start`, `send`
 * and `close`: it need not be UDP, as long as each datagram arrives whole or not at all and has an
 * IP address with a port to say where it is from. What such a transport throws in `send` is logged and
 * no more, and what it brings is checked before it is believed.
 */
export interface UdpTransport {
  /** Where it is reached, as `listenPort` of the tunnel; 0 where that means nothing. */
  readonly port: number;
  /** Begins to receive. Once. */
  start(handlers: UdpHandlers): void;
  /**
   * Sends before the current turn of the event loop ends; the caller may reuse `datagram` at once, but
   * that which a program's own transport is given is its to keep. Never throws for what the network or
   * the system thinks of it. `trafficClass` is the byte of that name in the IP header; where it cannot
   * be set for one datagram (`dgram`) it is passed over.
   */
  send(datagram: Uint8Array, to: Endpoint, trafficClass?: number): void;
  /**
   * Firewall mark of all later datagrams; 0 is none. Throws UdpError ERR_MARK where it cannot be.
   * Absent: there are no marks, and a tunnel with FwMark is refused.
   */
  setMark?(mark: number): void;
  /**
   * Receiving keeps the process alive no more; absent where it never does. A tunnel calls it, since it
   * keeps the process alive by itself.
   */
  unref?(): void;
  /** Called once, when the tunnel ends or has another transport. */
  close(): Promise<void> | void;
}

/** That of the system: an IPv4 and, where the machine has it, an IPv6 socket on the same port. */
export interface UdpSockets extends UdpTransport {
  /** `dgram` or `mmsg`. */
  readonly implementation: string;
  /** Whether it can send to IPv6 addresses. */
  readonly hasIpv6: boolean;
  /** Read by the log; they only grow. */
  readonly counters: UdpCounters;
  setMark(mark: number): void;
  /** Idempotent. */
  close(): Promise<void>;
}

/** What any data plane asks of its sockets. */
export interface PlaneSockets {
  /** 0 where that means nothing. */
  readonly port: number;
  /** Firewall mark of all later datagrams; 0 is none. Throws UdpError ERR_MARK. */
  setMark(mark: number): void;
  /** Idempotent. */
  close(): Promise<void>;
}

/** For a data plane that reads and writes them itself: a socket of each family for each worker. */
export interface UdpQueues extends PlaneSockets {
  readonly v4: readonly number[];
  /** Empty without IPv6. */
  readonly v6: readonly number[];
  /**
   * Everything leaves by the interface of this index, whatever the routes say. Absent where the system
   * keeps the datagrams out of the tunnel by other means. Throws UdpError ERR_SOCKET.
   */
  bindInterface?(family: 4 | 6, index: number): void;
}

/** Opens sockets like those before, but on this port and with this mark. Throws UdpError. */
export type OpenSockets<Sockets extends PlaneSockets> = (
  change: Pick<UdpOptions, 'port' | 'mark'>,
) => Promise<Sockets>;

/** The sockets of a data plane, which others replace when the port changes. */
export class ReplaceableSockets<Sockets extends PlaneSockets> {
  #current: Sockets;
  readonly #open: OpenSockets<Sockets>;
  /** Undefined: as `open` has it by itself. */
  #mark: number | undefined;

  constructor(first: Sockets, open: OpenSockets<Sockets>) {
    this.#current = first;
    this.#open = open;
  }

  get current(): Sockets {
    return this.#current;
  }

  /**
   * Those from before are closed when `adopt` has taken the others. Returns the port. Throws what
   * `adopt` throws, and UdpError; then those from before stay, and the others are closed.
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

  /** Also of those that replace them. Throws UdpError ERR_MARK. */
  setMark(mark: number): void {
    this.#current.setMark(mark);
    this.#mark = mark;
  }
}

/** What a UDP transport is opened with. */
export interface UdpOptions {
  /** 0 or absent: the system chooses. */
  readonly port?: number;
  /** Firewall mark of all datagrams; 0 or absent is none. */
  readonly mark?: number;
  /** Listen on these addresses only; without, on all. */
  readonly ipv4Address?: string;
  /** As `ipv4Address`. */
  readonly ipv6Address?: string;
  /** False: IPv4 only. */
  readonly ipv6?: boolean;
  /** One line for the log, such as that the machine has no IPv6. */
  readonly onDebug?: (note: string) => void;
}

/** Of a UdpError; docs/errors.md explains each. */
export type UdpErrorCode = 'ERR_PORT_IN_USE' | 'ERR_MARK' | 'ERR_SEND' | 'ERR_SOCKET';

/** A UDP socket could not be opened, set or sent through. The message is one line. */
export class UdpError extends WgTsError {
  /** Stable across versions. */
  declare readonly code: UdpErrorCode;
  /** The system's name for it, such as `EPERM`, when there is one. */
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
