import { createRequire } from 'node:module';
import { messageOf, WgTsError } from '../errors.js';

/** Watches one descriptor with the event loop's own poll; level-triggered. */
export interface PollHandle {
  stop(): void;
  close(): void;
  /** Must not be called after `close`. */
  unref(): void;
}

/** The calls that Node does not offer. Unless noted, each returns -1 on failure, with the reason in `errno()`. */
export interface Libc {
  ioctl(fd: number, request: number, argument: Uint8Array): number;
  /** ioctl(2) for requests that take a number instead of an address. */
  ioctlNumber(fd: number, request: number, argument: number): number;
  read(fd: number, buffer: Uint8Array, length: number): number;
  write(fd: number, buffer: Uint8Array, length: number): number;
  socket(domain: number, type: number, protocol: number): number;
  /** Writes two descriptors of four bytes each to `pair`. */
  socketpair(domain: number, type: number, protocol: number, pair: Uint8Array): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  connect(fd: number, address: Uint8Array, length: number): number;
  getsockname(fd: number, address: Uint8Array, length: Uint8Array): number;
  /** `length` is that of `value`, in four bytes, and becomes that of what was written. */
  getsockopt(
    fd: number,
    level: number,
    name: number,
    value: Uint8Array,
    length: Uint8Array,
  ): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, length: number): number;
  /** `messages` is the memory of `count` structs mmsghdr. */
  sendmmsg(fd: number, messages: Uint8Array, count: number, flags: number): number;
  recvmmsg(fd: number, messages: Uint8Array, count: number, flags: number, timeout: null): number;
  /** Returns 0 on failure. */
  if_nametoindex(name: string): number;
  /** `name` has 16 bytes (IF_NAMESIZE). Returns null on failure. */
  if_indextoname(index: number, name: Uint8Array): unknown;
  /** `timespec` has 16 bytes. */
  clock_gettime(clock: number, timespec: Uint8Array): number;
  timerfd_create(clock: number, flags: number): number;
  /** `when` is a struct itimerspec of 32 bytes. */
  timerfd_settime(fd: number, flags: number, when: Uint8Array, old: null): number;
  flock(fd: number, operation: number): number;
  dup2(from: number, to: number): number;
  dup3(from: number, to: number, flags: number): number;
  /** Only for descriptors that Node does not know: use `closeSync` for all others. */
  close(fd: number): number;
  errno(): number;
  poll(fd: number, events: { readable?: boolean }, callback: () => void): PollHandle;
  /** Returns an address that is stable for as long as the buffer lives and is not detached. */
  addressOf(buffer: ArrayBuffer): bigint;
  /** Returns the size of a C type and the offsets of its members, to check structs laid out by hand. */
  layout(definition: Record<string, string | [number, string]>): {
    size: number;
    offsets: Record<string, number>;
  };
}

/** The numbers of asm-generic: the same on x86-64, arm64 and riscv64. */
export const Errno = {
  EPERM: 1,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  EAGAIN: 11,
  EACCES: 13,
  EBUSY: 16,
  ENODEV: 19,
  EINVAL: 22,
  EBADFD: 77,
  EMSGSIZE: 90,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ENETDOWN: 100,
  ENETUNREACH: 101,
  ENOBUFS: 105,
  EHOSTUNREACH: 113,
  EINPROGRESS: 115,
} as const;

function loadKoffi(): typeof import('koffi') {
  try {
    return createRequire(import.meta.url)('koffi') as typeof import('koffi');
  } catch (error) {
    const reason = messageOf(error).split('\n', 1)[0];
    throw new WgTsError(
      'ERR_NO_TUN',
      `koffi, which network interfaces need, cannot be loaded: ${reason}`,
      { cause: error },
    );
  }
}

let loaded: Libc | undefined;

/**
 * Returns the C library that the process runs on (glibc or musl), through koffi. It is loaded at the first
 * call, so that importing this module costs nothing. Throws WgTsError ERR_NO_TUN where koffi does not load.
 */
export function libc(): Libc {
  loaded ??= load();
  return loaded;
}

/**
 * Returns whether this is Linux and koffi loads. Without koffi there are no network interfaces of the
 * system, but everything else works.
 */
export function hasLibc(): boolean {
  if (process.platform !== 'linux') return false;
  try {
    libc();
    return true;
  } catch {
    return false;
  }
}

function load(): Libc {
  const koffi = loadKoffi();
  const lib = koffi.load(null);
  // `void *` takes the address of a Uint8Array without conversion and is faster than `uint8_t *`. ssize_t
  // is int64_t here. The variadic ioctl may be called like this, with one argument, on every 64-bit ABI of
  // Linux.
  return {
    ioctl: lib.func('int ioctl(int fd, unsigned long request, void *argument)'),
    ioctlNumber: lib.func('int ioctl(int fd, unsigned long request, unsigned long argument)'),
    read: lib.func('int64_t read(int fd, void *buffer, size_t length)'),
    write: lib.func('int64_t write(int fd, void *buffer, size_t length)'),
    socket: lib.func('int socket(int domain, int type, int protocol)'),
    socketpair: lib.func('int socketpair(int domain, int type, int protocol, void *pair)'),
    bind: lib.func('int bind(int fd, void *address, uint32_t length)'),
    connect: lib.func('int connect(int fd, void *address, uint32_t length)'),
    getsockname: lib.func('int getsockname(int fd, void *address, void *length)'),
    getsockopt: lib.func('int getsockopt(int fd, int level, int name, void *value, void *len)'),
    setsockopt: lib.func('int setsockopt(int fd, int level, int name, void *value, uint32_t len)'),
    sendmmsg: lib.func('int sendmmsg(int fd, void *messages, unsigned int count, int flags)'),
    recvmmsg: lib.func(
      'int recvmmsg(int fd, void *messages, unsigned int count, int flags, void *timeout)',
    ),
    if_nametoindex: lib.func('unsigned int if_nametoindex(const char *name)'),
    if_indextoname: lib.func('void *if_indextoname(unsigned int index, void *name)'),
    clock_gettime: lib.func('int clock_gettime(int clock, void *timespec)'),
    timerfd_create: lib.func('int timerfd_create(int clock, int flags)'),
    timerfd_settime: lib.func('int timerfd_settime(int fd, int flags, void *when, void *old)'),
    flock: lib.func('int flock(int fd, int operation)'),
    dup2: lib.func('int dup2(int from, int to)'),
    dup3: lib.func('int dup3(int from, int to, int flags)'),
    close: lib.func('int close(int fd)'),
    errno: () => koffi.errno(),
    poll: (fd, events, callback) => koffi.node.poll(fd, events, callback),
    addressOf: (buffer) => koffi.address(new Uint8Array(buffer)),
    layout(definition) {
      const type = koffi.struct(definition);
      const names = Object.keys(definition);
      return {
        size: koffi.sizeof(type),
        offsets: Object.fromEntries(names.map((name) => [name, koffi.offsetof(type, name)])),
      };
    },
  };
}
