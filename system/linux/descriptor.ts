/** Descriptors, also in a worker_thread, which can be terminated at any time without running our code. */
import { openSync } from 'node:fs';
import { Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { isMainThread } from 'node:worker_threads';
import { Errno, libc } from './libc.js';
import { whileReadable } from './readiness.js';

// asm-generic: x86-64, arm64, riscv64
const O_CLOEXEC = 0o2000000;
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = O_CLOEXEC;

/**
 * Takes ownership of a descriptor that the C library has made, and returns one to close with `closeSync`. In
 * the main thread that is `fd` itself. When a worker ends, Node closes only what `openSync` opened there, so
 * the file is moved to the number of such a descriptor.
 */
export function ofThisThread(fd: number): number {
  if (isMainThread) return fd;
  const own = openSync('/dev/null', 'r');
  moveTo(own, fd);
  return own;
}

export interface MessageHandlers {
  /** Called with the bytes of one read(2), valid only during the call. */
  onMessage(bytes: Uint8Array): void;
  /** Called after the last message of a batch. */
  onBatchEnd?(): void;
  /** Called with an `errno` as in errno.h. Returns whether to go on reading. */
  onError(errno: number): boolean;
}

/** Messages read in one turn of the event loop. */
const BATCH = 64;
const LARGEST = 65_536;

/**
 * Reads messages, one by one, from a non-blocking descriptor, in the main thread or a worker. It does not
 * keep the process alive. Close the result before `fd` is closed.
 */
export function readMessages(fd: number, handlers: MessageHandlers): { close(): void } {
  return isMainThread ? readPolled(fd, handlers) : readByNode(fd, handlers);
}

function readPolled(
  fd: number,
  { onMessage, onBatchEnd, onError }: MessageHandlers,
): { close(): void } {
  const { read, errno } = libc();
  const buffer = new Uint8Array(LARGEST);
  let isOpen = true;
  const close = (): void => {
    isOpen = false;
    readiness.close();
  };
  const readiness = whileReadable(fd, () => {
    // A handler may close it.
    for (let i = 0; isOpen && i < BATCH; i++) {
      const length = read(fd, buffer, LARGEST);
      if (length > 0) {
        onMessage(buffer.subarray(0, length));
        continue;
      }
      const code = length < 0 ? errno() : Errno.EBADFD;
      if (code === Errno.EAGAIN) break;
      if (code !== Errno.EINTR && !onError(code)) close();
    }
    onBatchEnd?.();
  });
  return { close };
}

/**
 * For a worker, where `whileReadable` must not be used: reads through one of Node's handles, on a second
 * descriptor of the same file.
 */
function readByNode(
  fd: number,
  { onMessage, onBatchEnd, onError }: MessageHandlers,
): { close(): void } {
  let socket: Socket;
  let isOpen = true;
  const begin = (): void => {
    socket = socketOn(fd);
    socket.on('data', (bytes) => {
      onMessage(bytes);
      onBatchEnd?.();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (!isOpen || !onError(-(error.errno ?? 0))) return;
      begin();
      onBatchEnd?.();
    });
  };
  begin();
  return {
    close(): void {
      isOpen = false;
      socket.destroy();
    },
  };
}

function socketOn(fd: number): Socket {
  const pair = new Int32Array(2);
  const { socketpair, close, dup3 } = libc();
  must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, new Uint8Array(pair.buffer)));
  const [own = -1, other = -1] = pair;
  // Node checks what kind of descriptor it is given, so it first gets a stream socket. It reads nothing
  // before the next turn, so the number can be given to the other file here.
  const socket = new Socket({ fd: own, readable: true, writable: false });
  must(dup3(fd, own, O_CLOEXEC));
  close(other);
  socket.unref();
  return socket;
}

/** Moves the file of `from` to the number `to`, and closes the file that had that number. */
function moveTo(to: number, from: number): void {
  must(libc().dup3(from, to, O_CLOEXEC));
  libc().close(from);
}

function must(answer: number): void {
  if (answer < 0)
    throw new Error(
      `cannot duplicate a descriptor for a worker: ${getSystemErrorName(-libc().errno())}`,
    );
}
