/** What the tests of packet streams share: a host's streams, and an interface made of them. */
import { Duplex, Writable } from 'node:stream';
import { type PacketStream, type StreamTun, tunFromStream } from '../../tun/stream/streamtun.js';

export const packet = (n: number): Uint8Array => Uint8Array.of(0x45, n >> 8, n);
export const numberOf = (bytes: Uint8Array): number =>
  (bytes[1] as number) * 256 + (bytes[2] as number);
export const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** What the host has of a Duplex: it gives packets by `push`, and takes them as slowly as it wants. */
export class HostDuplex extends Duplex {
  readonly written: Uint8Array[] = [];
  #held: (() => void) | undefined;
  isStuck = false;

  constructor() {
    super({ objectMode: true });
  }

  override _read(): void {}

  override _write(chunk: Uint8Array, _: BufferEncoding, done: () => void): void {
    this.written.push(chunk);
    if (this.isStuck) this.#held = done;
    else done();
  }

  goOn(): void {
    this.isStuck = false;
    this.#held?.();
  }
}

export interface Opened {
  readonly tun: StreamTun;
  readonly batches: number[];
  readonly received: number[];
  readonly errors: Error[];
}

/** To be closed by `closeAll`, after each test. */
export const tuns: StreamTun[] = [];

export function closeAll(): void {
  for (const tun of tuns.splice(0)) tun.close();
}

export function open(stream: PacketStream, capacity?: number): Opened {
  const tun = tunFromStream(stream, capacity === undefined ? {} : { capacity });
  tuns.push(tun);
  const opened: Opened = { tun, batches: [], received: [], errors: [] };
  tun.start(
    (packets) => {
      opened.batches.push(packets.length);
      opened.received.push(...packets.map(numberOf));
    },
    (error) => opened.errors.push(error),
  );
  return opened;
}

export async function* generated(count: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i++) yield packet(i);
}

/** A writable of either kind that keeps what it gets. */
export function kept(): { writable: Writable; written: Uint8Array[] } {
  const written: Uint8Array[] = [];
  const writable = new Writable({
    objectMode: true,
    write(chunk: Uint8Array, _, done) {
      written.push(chunk);
      done();
    },
  });
  return { writable, written };
}
