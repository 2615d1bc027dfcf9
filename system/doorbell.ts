/** How a native library calls the event loop: a descriptor, on Windows a named pipe. */
import { randomBytes } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { isMainThread } from 'node:worker_threads';
import { readMessages } from './linux/descriptor.js';
import { whileReadable } from './linux/readiness.js';

/** Keeps the process no more alive than what it calls for does. */
export interface Doorbell {
  /** What the library has to open; absent where it makes its own descriptor. */
  readonly path?: string;
  /** `descriptor` is the library's, where it has one. Rings at the end of a turn of the event loop. */
  listen(descriptor: number, onRing: () => void): void;
  /** Idempotent. After the library has ended on Windows, before it elsewhere. */
  close(): void;
}

export function openDoorbell(): Doorbell {
  return process.platform === 'win32' ? new PipeDoorbell() : descriptorDoorbell();
}

function descriptorDoorbell(): Doorbell {
  let close = (): void => undefined;
  return {
    listen(descriptor, onRing) {
      if (isMainThread) {
        close = whileReadable(descriptor, onRing).close;
        return;
      }
      // Reading it is what the library does first, too.
      const onError = (errno: number): never => {
        throw new Error(`the doorbell cannot be read: errno ${errno}`);
      };
      close = readMessages(descriptor, { onMessage: onRing, onError }).close;
    },
    close: () => close(),
  };
}

/**
 * Bytes that arrive say nothing but that somebody should look. Only administrators, the system and
 * this user may write to it, as Windows has it for pipes; others can see its name, and read nothing.
 */
class PipeDoorbell implements Doorbell {
  readonly path: string = `\\\\.\\pipe\\wg-ts-${randomBytes(16).toString('hex')}`;
  readonly #server: Server;
  readonly #sockets: Socket[] = [];
  #onRing: (() => void) | undefined;
  #wasRung = false;

  constructor() {
    this.#server = createServer((socket) => this.#accept(socket));
    // It cannot fail later: the pipe exists when this returns, or the library cannot open it.
    this.#server.on('error', () => undefined);
    this.#server.listen(this.path);
    this.#server.unref();
  }

  listen(_descriptor: number, onRing: () => void): void {
    this.#onRing = onRing;
    if (this.#wasRung) setImmediate(() => this.#onRing?.());
  }

  close(): void {
    this.#onRing = undefined;
    this.#server.close();
    for (const socket of this.#sockets.splice(0)) socket.destroy();
  }

  #accept(socket: Socket): void {
    this.#sockets.push(socket);
    socket.unref();
    socket.on('error', () => undefined);
    socket.on('data', () => {
      this.#wasRung = true;
      this.#onRing?.();
    });
  }
}
