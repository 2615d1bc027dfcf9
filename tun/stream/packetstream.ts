/** The host's end of an interface as a stream of packets. */
import { Duplex } from 'node:stream';
import { isUint8Array } from 'node:util/types';
import { toError, WgTsError } from '../../system/errors.js';
import { throwUncaught } from '../../system/uncaught.js';
import type { Tun } from '../tun.js';
import { nameOf } from './packetsource.js';

/** Maximum number of packets that wait to be read, as in a MemoryTun. */
const CAPACITY = 1024;

/**
 * Returns the packets of an interface as a Duplex in object mode. The interface is the host's end of a
 * `memoryTunPair`, whose other end belongs to a tunnel, or any interface that the program reads and
 * writes itself.
 *
 * `for await (const packet of stream)` yields each packet as a separate Uint8Array; when 1024 wait to
 * be read, further ones are dropped, as by any interface. `stream.write(packet)` passes one on at once;
 * it is dropped when the interface has no room, and may also be lost anywhere after it. A chunk that is
 * not a Uint8Array destroys the stream with WgTsError ERR_USAGE.
 *
 * The interface starts at once, and is closed when the stream is destroyed: by `destroy()`, by leaving
 * a `for await` early, or by an error of the interface, which the stream emits. `end()` closes nothing:
 * packets can still be read. The stream ends when the other end of the pair is closed, for example by
 * the tunnel.
 */
export function packetStream(tun: Tun): Duplex {
  return new TunStream(tun);
}

class TunStream extends Duplex {
  readonly #tun: Tun;

  constructor(tun: Tun) {
    super({ objectMode: true, readableHighWaterMark: CAPACITY });
    this.#tun = tun;
    tun.start(
      (packets) => {
        for (const packet of packets) this.#take(packet);
      },
      (error) => this.destroy(error),
      () => this.push(null),
    );
  }

  override _read(): void {
    // Packets are pushed as they arrive.
  }

  override _write(packet: unknown, _: BufferEncoding, done: (error?: Error) => void): void {
    if (!isUint8Array(packet)) {
      done(new WgTsError('ERR_USAGE', `the packet stream was given ${nameOf(packet)}`));
      return;
    }
    try {
      this.#tun.write(packet);
      done();
    } catch (error) {
      done(toError(error));
    }
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    try {
      this.#tun.close();
      done(error);
    } catch (failure) {
      done(error ?? toError(failure));
    }
  }

  /** A listener that throws loses only its own packet. */
  #take(packet: Uint8Array): void {
    try {
      if (this.#hasRoom()) this.push(Uint8Array.from(packet));
    } catch (error) {
      throwUncaught(error);
    }
  }

  #hasRoom(): boolean {
    return !this.destroyed && this.readableLength < CAPACITY;
  }
}
