/** A log file that keeps the newest lines and never grows beyond its size. */
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  writeSync,
} from 'node:fs';

const RING_BYTES = 1024 * 1024;
const HEADER_BYTES = 64;
const HEADER = /^wg-ts ring log, the newest line ends at byte (\d{10}) *\n$/;

/**
 * A text that continues at its beginning when it has reached its end. The first line says where the
 * newest line ends. It is updated after that line is written, so that a crash loses one line at most.
 */
export class RingLog {
  readonly #fd: number;
  readonly #size: number;
  readonly #listeners = new Set<(line: string) => void>();
  #end: number;
  #isOpen = true;

  /** Continues an existing ring; any other content of the file is discarded. */
  constructor(file: string, size: number = RING_BYTES) {
    this.#size = size;
    const { O_RDWR, O_CREAT } = constants;
    this.#fd = openSync(file, O_RDWR | O_CREAT | (constants.O_NOFOLLOW ?? 0), 0o600);
    const end = endOf(this.#head(), size);
    if (end === undefined) ftruncateSync(this.#fd, 0);
    this.#end = end ?? HEADER_BYTES;
    this.#writeHead();
  }

  append(line: string): void {
    if (!this.#isOpen) return;
    const room = this.#size - HEADER_BYTES;
    const text = Buffer.from(`${line}\n`, 'utf8');
    // Of a line that is longer than the ring only the end is kept.
    const bytes = text.subarray(Math.max(0, text.length - room));
    const first = bytes.subarray(0, this.#size - this.#end);
    writeSync(this.#fd, first, 0, first.length, this.#end);
    const rest = bytes.subarray(first.length);
    writeSync(this.#fd, rest, 0, rest.length, HEADER_BYTES);
    this.#end = rest.length > 0 ? HEADER_BYTES + rest.length : this.#end + first.length;
    this.#writeHead();
    for (const listener of this.#listeners) listener(line);
  }

  read(): string {
    if (!this.#isOpen) return '';
    const bytes = Buffer.alloc(Math.min(fstatSync(this.#fd).size, this.#size));
    readSync(this.#fd, bytes, 0, bytes.length, 0);
    return unroll(bytes, this.#size);
  }

  /** Calls `onLine` with each line from now on. Returns a function that ends the subscription. */
  subscribe(onLine: (line: string) => void): () => void {
    this.#listeners.add(onLine);
    return () => this.#listeners.delete(onLine);
  }

  close(): void {
    if (this.#isOpen) closeSync(this.#fd);
    this.#isOpen = false;
  }

  #head(): Buffer {
    const head = Buffer.alloc(HEADER_BYTES);
    readSync(this.#fd, head, 0, HEADER_BYTES, 0);
    return head;
  }

  #writeHead(): void {
    const end = String(this.#end).padStart(10, '0');
    const text = `wg-ts ring log, the newest line ends at byte ${end}`;
    writeSync(this.#fd, `${text.padEnd(HEADER_BYTES - 1)}\n`, 0, 'latin1');
  }
}

/** Returns the lines in order, or '' for a file that is not a ring. Throws errors of the file system. */
export function readRingLog(file: string, size: number = RING_BYTES): string {
  return unroll(readFileSync(file), size);
}

function unroll(bytes: Buffer, size: number): string {
  const end = endOf(bytes.subarray(0, HEADER_BYTES), size);
  if (end === undefined) return '';
  const newest = bytes.subarray(HEADER_BYTES, end).toString('utf8');
  if (bytes.length < size) return newest;
  // The ring has wrapped around: the oldest line is partly overwritten.
  const oldest = bytes.subarray(end, size);
  return oldest.subarray(oldest.indexOf(0x0a) + 1).toString('utf8') + newest;
}

function endOf(head: Buffer, size: number): number | undefined {
  const end = Number(HEADER.exec(head.toString('latin1'))?.[1]);
  return end >= HEADER_BYTES && end <= size ? end : undefined;
}
