/** The host's end of an interface as a stream of packets. */
import { Duplex } from 'node:stream';
import { isUint8Array } from 'node:util/types';
import { toError, WgTsError } from '../../system/errors.js';
import { throwUncaught } from '../../system/uncaught.js';
import type { Tun } from '../tun.js';
import { nameOf } from './packetsource.js';

/** Packets that wait to be read at most, as in a MemoryTun. */
const CAPACITY = 1024;

/**
 * The packets of an interface as a Duplex in object mode: the host's end of a `memoryTunPair`, whose
 * other end is a tunnel's, or any interface that this program reads and writes by itself.
 *
 * `for await (const packet of stream)` brings each packet as a Uint8Array of its own; when 1024 wait
 * to be read, further ones are dropped, as by any interface. `stream.write(packet)` hands one over at
 * once; where the interface has no room it is dropped, and a packet may be lost anywhere behind it as
 * well. A chunk that is no Uint8Array destroys the stream with WgTsError ERR_USAGE.
 *
 * The interface starts now, and is closed when the stream is destroyed: by `destroy()`, by leaving a
 * `for await` early, or by an error of the interface, which is the stream's. `end()` closes nothing:
 * packets can still be read. It ends when the other end of the pair is closed, as by the tunnel.
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
    // Packets come when they come.
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

  /** A listener that throws loses no packet but its own. */
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
