/** The sockets of the portable data plane, with many datagrams in one system call. */
import { closeSync } from 'node:fs';
import { endianness } from 'node:os';
import { isMainThread } from 'node:worker_threads';
import type { Endpoint } from '../../protocol/dataplane.js';
import { Errno, hasLibc, libc } from '../../system/linux/libc.js';
import { type Readiness, whileReadable } from '../../system/linux/readiness.js';
import { SOCKADDR_IN_SIZE, SOCKADDR_IN6_SIZE } from '../../system/sockaddr.js';
import { sendFailed, type UdpHandlers, type UdpOptions, type UdpSockets } from '../transport.js';
import { type Bound, bindBoth, markSocket } from './bind.js';
import { ReceiveRing } from './receivering.js';
import { SendQueue } from './sendqueue.js';

/**
 * The structs of sendmmsg are laid out for these architectures only; workers cannot poll a descriptor.
 */
export function isMmsgSupported(): boolean {
  const architectures: readonly string[] = ['x64', 'arm64', 'riscv64'];
  return isMainThread && endianness() === 'LE' && architectures.includes(process.arch) && hasLibc();
}

/**
 * Opens sockets that pass many datagrams per system call. Throws UdpError ERR_PORT_IN_USE, ERR_MARK or
 * ERR_SOCKET.
 */
export async function openMmsgUdp(options: UdpOptions = {}): Promise<UdpSockets> {
  const [v4, v6] = await bindBoth(options);
  const transport = new MmsgUdp(v4, v6?.fd);
  try {
    if (options.mark) transport.setMark(options.mark);
  } catch (error) {
    await transport.close();
    throw error;
  }
  return transport;
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
    if (this.#handlers) throw new Error('this transport has already been started');
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
    for (const { fd } of this.#sides()) markSocket(fd, mark);
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
