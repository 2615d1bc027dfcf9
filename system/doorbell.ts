/** How a native library wakes the event loop: through a descriptor, on Windows through a named pipe. */
import { randomBytes } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { isMainThread } from 'node:worker_threads';
import { readMessages } from './linux/descriptor.js';
import { whileReadable } from './linux/readiness.js';

/** Does not keep the process alive. */
export interface Doorbell {
  /** The path that the library must open; absent where it makes its own descriptor. */
  readonly path?: string;
  /**
   * Calls `onRing` at the end of a turn of the event loop. `descriptor` is the library's, where it has
   * one.
   */
  listen(descriptor: number, onRing: () => void): void;
  /** Idempotent. To be called after the library has ended on Windows, and before that elsewhere. */
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
      // The library, too, begins by reading the descriptor.
      const onError = (errno: number): never => {
        throw new Error(`the doorbell cannot be read: errno ${errno}`);
      };
      close = readMessages(descriptor, { onMessage: onRing, onError }).close;
    },
    close: () => close(),
  };
}

/**
 * Bytes that arrive mean only that there is something to look at. Only administrators, the system and
 * this user may write to the pipe, as is the default on Windows; others can see its name, but read
 * nothing.
 */
class PipeDoorbell implements Doorbell {
  readonly path: string = `\\\\.\\pipe\\wg-ts-${randomBytes(16).toString('hex')}`;
  readonly #server: Server;
  readonly #sockets: Socket[] = [];
  #onRing: (() => void) | undefined;
  #wasRung = false;

  constructor() {
    this.#server = createServer((socket) => this.#accept(socket));
    // Errors are ignored: the pipe exists once listen() returns, or the library cannot open it.
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
