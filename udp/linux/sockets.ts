import { closeSync } from 'node:fs';
import { endianness } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { isMainThread } from 'node:worker_threads';
import type { Endpoint } from '../../protocol/dataplane.js';
import { ofThisThread } from '../../system/linux/descriptor.js';
import { Errno, hasLibc, libc } from '../../system/linux/libc.js';
import { type Readiness, whileReadable } from '../../system/linux/readiness.js';
import {
  AF_INET,
  AF_INET6,
  encodeSockaddr,
  SOCKADDR_IN_SIZE,
  SOCKADDR_IN6_SIZE,
} from '../../system/sockaddr.js';
import {
  openIpv6,
  openSamePort,
  portInUse,
  SOCKET_BUFFER_BYTES,
  sendFailed,
  UdpError,
  type UdpHandlers,
  type UdpOptions,
  type UdpSockets,
} from '../transport.js';
import { ReceiveRing, SendQueue, SOL_UDP, UDP_GRO } from './mmsg.js';

// asm-generic: x86-64, arm64, riscv64
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SO_REUSEPORT = 15;
const SO_MARK = 36;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;

/** The structs of sendmmsg are laid out by hand for these; and no descriptor is polled in a worker. */
export function isMmsgSupported(): boolean {
  const architectures: readonly string[] = ['x64', 'arm64', 'riscv64'];
  return isMainThread && endianness() === 'LE' && architectures.includes(process.arch) && hasLibc();
}

/** Many datagrams with one system call. Throws UdpError ERR_PORT_IN_USE, ERR_MARK or ERR_SOCKET. */
export async function openMmsgUdp(options: UdpOptions = {}): Promise<UdpSockets> {
  const [v4, v6] = await openSamePort(
    options.port ?? 0,
    async (port) => bound(AF_INET, options.ipv4Address ?? '0.0.0.0', port),
    (port) => openIpv6(options, (address) => bound(AF_INET6, address, port)),
    ({ fd }) => closeSync(fd),
  );
  const transport = new MmsgUdp(v4, v6?.fd);
  try {
    if (options.mark) transport.setMark(options.mark);
  } catch (error) {
    await transport.close();
    throw error;
  }
  return transport;
}

/** Sockets for a data plane that reads and writes them itself. */
export interface UdpQueues {
  readonly port: number;
  readonly v4: readonly number[];
  /** Empty without IPv6. */
  readonly v6: readonly number[];
  /** Firewall mark of all later datagrams; 0 is none. Throws UdpError ERR_MARK. */
  setMark(mark: number): void;
  /** Idempotent; after the data plane has ended. */
  close(): Promise<void>;
}

/**
 * `count` sockets of each family on one port, among which the system spreads the peers, each peer
 * always to the same one. Throws UdpError ERR_PORT_IN_USE, ERR_MARK or ERR_SOCKET.
 */
export async function openUdpQueues(options: UdpOptions, count: number): Promise<UdpQueues> {
  const v4: number[] = [];
  const v6: number[] = [];
  const close = async (): Promise<void> => {
    for (const fd of [...v4.splice(0), ...v6.splice(0)]) closeSync(fd);
  };
  const { ipv4Address = '0.0.0.0', ipv6Address = '::' } = options;
  const [first4, first6] = await openSamePort(
    options.port ?? 0,
    async (port) => bound(AF_INET, ipv4Address, port),
    (port) => openIpv6(options, (address) => bound(AF_INET6, address, port)),
    ({ fd }) => closeSync(fd),
  );
  v4.push(first4.fd);
  if (first6) v6.push(first6.fd);
  try {
    // The first had the port for itself, so that a second program is refused; now it is shared.
    for (const fd of [...v4, ...v6]) if (count > 1) setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    for (let i = 1; i < count; i++) {
      v4.push(bound(AF_INET, ipv4Address, first4.port, true).fd);
      if (first6) v6.push(bound(AF_INET6, ipv6Address, first4.port, true).fd);
    }
    for (const fd of [...v4, ...v6]) if (options.mark) mustMark(fd, options.mark);
  } catch (error) {
    await close();
    throw error;
  }
  const setMark = (mark: number): void => {
    for (const fd of [...v4, ...v6]) mustMark(fd, mark);
  };
  return { port: first4.port, v4: [...v4], v6: [...v6], setMark, close };
}

interface Bound {
  readonly fd: number;
  readonly port: number;
}

function bound(family: number, address: string, port: number, isShared = false): Bound {
  const { socket, bind } = libc();
  const opened = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (opened < 0) throw socketError();
  const fd = ofThisThread(opened);
  try {
    if (family === AF_INET6) setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (isShared) setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    setBuffer(fd, SO_RCVBUFFORCE, SO_RCVBUF);
    setBuffer(fd, SO_SNDBUFFORCE, SO_SNDBUF);
    setOption(fd, SOL_UDP, UDP_GRO, 1); // Refused before Linux 5.0, and not needed.
    const sockaddr = encodeSockaddr(address, port);
    if (!sockaddr) throw new UdpError('ERR_SOCKET', `${address} is no address to listen on`);
    if (bind(fd, sockaddr, sockaddr.length) !== 0)
      throw libc().errno() === Errno.EADDRINUSE ? portInUse(port) : socketError();
    return { fd, port: portOf(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function socketError(): UdpError {
  const reason = getSystemErrorName(-libc().errno());
  return new UdpError('ERR_SOCKET', `cannot open a UDP socket: ${reason}`, reason);
}

function setOption(fd: number, level: number, name: number, value: number): boolean {
  const bytes = new Uint8Array(new Uint32Array([value]).buffer);
  return libc().setsockopt(fd, level, name, bytes, bytes.length) === 0;
}

function mustMark(fd: number, mark: number): void {
  if (setOption(fd, SOL_SOCKET, SO_MARK, mark)) return;
  const reason = getSystemErrorName(-libc().errno());
  throw new UdpError('ERR_MARK', `cannot set firewall mark ${mark}: ${reason}`, reason);
}

/** Beyond net.core.rmem_max only for root; the system's own size works too. */
function setBuffer(fd: number, force: number, plain: number): void {
  if (!setOption(fd, SOL_SOCKET, force, SOCKET_BUFFER_BYTES))
    setOption(fd, SOL_SOCKET, plain, SOCKET_BUFFER_BYTES);
}

function portOf(fd: number): number {
  const name = new Uint8Array(SOCKADDR_IN6_SIZE);
  const length = new Uint8Array(new Uint32Array([name.length]).buffer);
  if (libc().getsockname(fd, name, length) !== 0) throw socketError();
  return new DataView(name.buffer).getUint16(2);
}

interface Side {
  readonly fd: number;
  readonly nameSize: number;
  readonly queue: SendQueue;
}

class MmsgUdp implements UdpSockets {
  readonly implementation = 'mmsg';
  readonly port: number;
  readonly counters = { sendErrors: 0, receiveErrors: 0 };
  readonly #v4: Side;
  readonly #v6: Side | undefined;
  readonly #readiness: Readiness[] = [];
  #handlers: UdpHandlers | undefined;
  #flushing = false;
  #closed = false;

  constructor(v4: Bound, v6: number | undefined) {
    this.port = v4.port;
    this.#v4 = this.#side(v4.fd, SOCKADDR_IN_SIZE);
    this.#v6 = v6 === undefined ? undefined : this.#side(v6, SOCKADDR_IN6_SIZE);
  }

  get hasIpv6(): boolean {
    return this.#v6 !== undefined;
  }

  start(handlers: UdpHandlers): void {
    if (this.#handlers) throw new Error('this transport has been started already');
    if (this.#closed) return;
    this.#handlers = handlers;
    for (const { fd, nameSize } of this.#sides()) {
      const ring = new ReceiveRing(fd, nameSize);
      this.#readiness.push(whileReadable(fd, () => this.#receive(ring, handlers)));
    }
  }

  send(datagram: Uint8Array, to: Endpoint, trafficClass = 0): void {
    if (this.#closed) return;
    const side = to.address.includes(':') ? this.#v6 : this.#v4;
    if (!side) {
      this.#failed('EAFNOSUPPORT', to);
      return;
    }
    side.queue.push(datagram, to, trafficClass);
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(this.#flush);
  }

  setMark(mark: number): void {
    for (const { fd } of this.#sides()) mustMark(fd, mark);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#flush();
    this.#closed = true;
    for (const readiness of this.#readiness) readiness.close();
    for (const { fd } of this.#sides()) closeSync(fd);
  }

  readonly #flush = (): void => {
    this.#flushing = false;
    if (this.#closed) return;
    for (const { queue } of this.#sides()) queue.flush();
  };

  #receive(ring: ReceiveRing, handlers: UdpHandlers): void {
    const count = ring.receive();
    if (count < 0) {
      const errno = libc().errno();
      if (errno !== Errno.EAGAIN && errno !== Errno.EINTR) this.counters.receiveErrors++;
      return;
    }
    for (let i = 0; i < count && !this.#closed; i++)
      if (!ring.datagrams(i, (bytes, from) => handlers.onDatagram(bytes, from)))
        this.counters.receiveErrors++;
    if (!this.#closed) handlers.onBatchEnd?.();
  }

  #side(fd: number, nameSize: number): Side {
    const queue = new SendQueue(fd, (reason, to) => this.#failed(reason, to));
    return { fd, nameSize, queue };
  }

  #sides(): Side[] {
    return this.#v6 ? [this.#v4, this.#v6] : [this.#v4];
  }

  #failed(reason: string, to: Endpoint): void {
    this.counters.sendErrors++;
    this.#handlers?.onSendError?.(sendFailed(to, reason), to);
  }
}
