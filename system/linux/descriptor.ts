/** Descriptors also of a worker_thread, which may be terminated at any time and runs none of our code then. */
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
 * Takes over a descriptor that the C library has made; what it answers is for `closeSync`. With a worker
 * Node closes what `openSync` has opened there: so the file gets the number of one that was. In the main
 * thread it is `fd` itself.
 */
export function ofThisThread(fd: number): number {
  if (isMainThread) return fd;
  const own = openSync('/dev/null', 'r');
  moveTo(own, fd);
  return own;
}

export interface MessageHandlers {
  /** What one read(2) has brought, valid only during the call. */
  onMessage(bytes: Uint8Array): void;
  /** After the last of some messages that were there together. */
  onBatchEnd?(): void;
  /** `errno` as in errno.h. True: it goes on all the same. Otherwise nothing comes after it. */
  onError(errno: number): boolean;
}

/** Messages read in one turn of the event loop. */
const BATCH = 64;
const LARGEST = 65_536;

/**
 * Reads messages, one by one, from a descriptor that does not block, in whichever thread; nothing of it
 * keeps the process alive. Stop it before `fd` is closed.
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
    // Whoever is told may close it.
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
 * For a worker, where `whileReadable` must not be: by a handle of Node's, on a number of its own for the
 * same file.
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
  // To take it for a stream, Node looks at what the number is; nothing is read before the next turn.
  const socket = new Socket({ fd: own, readable: true, writable: false });
  must(dup3(fd, own, O_CLOEXEC));
  close(other);
  socket.unref();
  return socket;
}

/** The file of `from` has the number `to` from now on, in place of what had it. */
function moveTo(to: number, from: number): void {
  must(libc().dup3(from, to, O_CLOEXEC));
  libc().close(from);
}

function must(answer: number): void {
  if (answer < 0)
    throw new Error(`no descriptor for a worker: ${getSystemErrorName(-libc().errno())}`);
}
