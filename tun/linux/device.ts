import { closeSync, constants, openSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { validateInterfaceName } from '../../system/interfacename.js';
import { readMessages } from '../../system/linux/descriptor.js';
import { Errno, libc } from '../../system/linux/libc.js';
import { type Readiness, whileReadable } from '../../system/linux/readiness.js';
import { TunError } from '../errors.js';
import type { Tun, TunQueues } from '../tun.js';

// linux/if_tun.h
const TUNSETIFF = 0x400454ca;
const TUNSETOFFLOAD = 0x400454d0;
const IFF_TUN = 0x0001;
const IFF_MULTI_QUEUE = 0x0100;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
const IFF_TUN_EXCL = 0x8000;
const TUN_F_CSUM = 0x01;
const TUN_F_TSO4 = 0x02;
const TUN_F_TSO6 = 0x04;
const TUN_F_TSO_ECN = 0x08;
const TUN_F_USO4 = 0x20;
const TUN_F_USO6 = 0x40;
const TCP_OFFLOADS = TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
const UDP_OFFLOADS = TUN_F_USO4 | TUN_F_USO6;
/** sizeof(struct ifreq): 16 bytes of name, then a union of 24. */
const IFREQ_SIZE = 40;

/** Packets read in one turn of the event loop, so that sockets and timers get theirs. */
const BATCH = 64;
const MAX_PACKET = 65_535;
/** Not a power of two: buffers at equal offsets would compete for the same lines of the cache. */
const STRIDE = 65_536 + 37 * 64;

/**
 * Creates the TUN interface `name` and opens it. It exists until `close` or the end of the process, and
 * is down and without addresses at first. Throws TunError.
 */
export function openTun(name: string): Tun {
  validateInterfaceName(name);
  const fd = openDevice();
  try {
    createInterface(fd, name, IFF_TUN_EXCL);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return new LinuxTun(name, fd);
}

export interface TunQueuesOptions {
  readonly queues: number;
  /** False: packets come one at a time and complete, as from a system without offloads. */
  readonly vnetHeader?: boolean;
  /** Whether the system may pass joined packets of this kind, to be cut by the data plane. */
  readonly tcpSegments?: boolean;
  readonly udpSegments?: boolean;
}

/** Like `openTun`, for a data plane that reads and writes the queues itself. Throws TunError. */
export function openTunQueues(name: string, options: TunQueuesOptions): TunQueues {
  validateInterfaceName(name);
  const { queues, vnetHeader = true } = options;
  const flags = (vnetHeader ? IFF_VNET_HDR : 0) | (queues > 1 ? IFF_MULTI_QUEUE : 0);
  const fds: number[] = [];
  const close = (): void => {
    for (const fd of fds.splice(0)) closeSync(fd);
  };
  try {
    for (let i = 0; i < queues; i++) {
      const fd = openDevice();
      fds.push(fd);
      createInterface(fd, name, flags | (i === 0 ? IFF_TUN_EXCL : 0));
    }
  } catch (error) {
    close();
    throw error;
  }
  const taken = vnetHeader ? setOffloads(fds[0] as number, options) : 0;
  return {
    name,
    descriptors: [...fds],
    vnetHeader,
    takesTcpSegments: vnetHeader,
    takesUdpSegments: vnetHeader && (taken & UDP_OFFLOADS) !== 0,
    close,
  };
}

/** Sets the offloads that the system accepts (USO since Linux 6.2) and returns them. */
function setOffloads(fd: number, { tcpSegments, udpSegments }: TunQueuesOptions): number {
  const tcp = tcpSegments === false ? 0 : TCP_OFFLOADS;
  const candidates = [tcp | UDP_OFFLOADS, tcp, 0];
  for (const offloads of candidates) {
    if (libc().ioctlNumber(fd, TUNSETOFFLOAD, TUN_F_CSUM | offloads) !== 0) continue;
    // The system knows them, and so accepts them when written, but is not to send them.
    if (udpSegments === false) libc().ioctlNumber(fd, TUNSETOFFLOAD, TUN_F_CSUM | tcp);
    return offloads;
  }
  return 0;
}

function openDevice(): number {
  try {
    return openSync('/dev/net/tun', constants.O_RDWR | constants.O_NONBLOCK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const isRoot = process.geteuid?.() === 0;
    if (code === 'ENOENT' || code === 'ENODEV' || code === 'ENXIO')
      throw new TunError(
        'ERR_NO_TUN',
        'there is no /dev/net/tun: run `modprobe tun`, or pass the device into the container',
        { cause: error },
      );
    if (code === 'EPERM' && isRoot)
      throw new TunError(
        'ERR_NO_TUN',
        'this container does not allow /dev/net/tun: pass the device into it',
        { cause: error },
      );
    if (code === 'EPERM' || code === 'EACCES') throw notRoot(error);
    throw new TunError('ERR_TUN', `cannot open /dev/net/tun: ${code ?? 'unknown error'}`, {
      cause: error,
    });
  }
}

function createInterface(fd: number, name: string, flags: number): void {
  const ifreq = Buffer.alloc(IFREQ_SIZE);
  ifreq.write(name, 'utf8');
  ifreq.writeUInt16LE(IFF_TUN | IFF_NO_PI | flags, 16);
  if (libc().ioctl(fd, TUNSETIFF, ifreq) === 0) return;
  const errno = libc().errno();
  switch (errno) {
    case Errno.EPERM:
    case Errno.EACCES:
      throw notRoot();
    case Errno.EBUSY:
      throw new TunError(
        'ERR_INTERFACE_EXISTS',
        `interface ${name} already exists: choose another name, or remove it with \`ip link del ${name}\``,
      );
    case Errno.EINVAL:
      throw new TunError(
        'ERR_NAME',
        `the system does not accept ${JSON.stringify(name)} as a name`,
      );
    default:
      throw new TunError('ERR_TUN', `cannot create interface ${name}: errno ${errno}`);
  }
}

function notRoot(cause?: unknown): TunError {
  return new TunError(
    'ERR_NOT_ROOT',
    'making a network interface needs root or CAP_NET_ADMIN: try again with sudo',
    cause === undefined ? undefined : { cause },
  );
}

class LinuxTun implements Tun {
  readonly name: string;
  readonly #libc = libc();
  #fd: number | undefined;
  #readiness: Readiness | undefined;

  constructor(name: string, fd: number) {
    this.name = name;
    this.#fd = fd;
  }

  start(
    onPackets: (packets: readonly Uint8Array[]) => void,
    onError: (error: Error) => void,
  ): void {
    const fd = this.#fd;
    if (fd === undefined) throw new TunError('ERR_TUN', `interface ${this.name} is closed`);
    if (this.#readiness) throw new Error('this interface has already been started');
    if (!isMainThread) {
      this.#readiness = readMessages(fd, {
        onMessage: (packet) => onPackets([packet]),
        onError: (code) => {
          onError(tunReadFailure(this.name, code));
          return false;
        },
      });
      return;
    }
    const { read, errno } = this.#libc;
    const pool = new BufferPool();
    const batch: Uint8Array[] = [];

    this.#readiness = whileReadable(fd, () => {
      batch.length = 0;
      let failure = 0;
      while (batch.length < BATCH) {
        const slot = batch.length;
        const length = read(fd, pool.buffer(slot), MAX_PACKET);
        if (length > 0) {
          batch.push(pool.packet(slot, length));
          continue;
        }
        const code = length < 0 ? errno() : Errno.EBADFD;
        if (code === Errno.EINTR) continue;
        if (code !== Errno.EAGAIN) failure = code;
        break;
      }
      if (failure !== 0) this.#readiness?.close();
      if (batch.length > 0) onPackets(batch);
      if (failure !== 0 && this.#fd !== undefined) onError(tunReadFailure(this.name, failure));
    });
  }

  write(packet: Uint8Array): boolean {
    if (this.#fd === undefined) return false;
    return this.#libc.write(this.#fd, packet, packet.length) === packet.length;
  }

  close(): void {
    if (this.#fd === undefined) return;
    this.#readiness?.close();
    closeSync(this.#fd);
    this.#fd = undefined;
  }
}

/** Returns the error for a failed read from an interface. */
export function tunReadFailure(name: string, errno: number): TunError {
  return errno === Errno.EBADFD
    ? new TunError('ERR_TUN', `interface ${name} was deleted by another program`)
    : new TunError('ERR_TUN', `reading from interface ${name} failed: errno ${errno}`);
}

/** Only touched pages take memory: 64 of them for packets of an ordinary MTU. */
class BufferPool {
  readonly #buffers: Uint8Array[];
  /** The last view of each buffer: most packets have the size of the one before. */
  readonly #views: Uint8Array[];

  constructor() {
    const memory = new ArrayBuffer(BATCH * STRIDE);
    this.#buffers = Array.from(
      { length: BATCH },
      (_, i) => new Uint8Array(memory, i * STRIDE, MAX_PACKET),
    );
    this.#views = [...this.#buffers];
  }

  buffer(slot: number): Uint8Array {
    return this.#buffers[slot] as Uint8Array;
  }

  packet(slot: number, length: number): Uint8Array {
    const last = this.#views[slot] as Uint8Array;
    if (last.length === length) return last;
    const view = this.buffer(slot).subarray(0, length);
    this.#views[slot] = view;
    return view;
  }
}
