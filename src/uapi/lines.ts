/** The lines of the protocol, as bytes: a string that contains a key could not be zeroed. */
import { KEY_LENGTH } from '../../crypto/aead.js';
import { WgTsError } from '../../system/errors.js';

const LINE_FEED = 0x0a;
const EQUALS = 0x3d;
const HEX_DIGITS = new TextEncoder().encode('0123456789abcdef');

/**
 * A violation of the protocol, or a failure that was reported. Never contains a part of what was read.
 */
export class UapiError extends WgTsError {
  /** Stable across versions. */
  declare readonly code: 'ERR_UAPI';
  /** The positive number of errno.h that an interface sent. */
  readonly errno: number | undefined;

  constructor(message: string, errno?: number) {
    super('ERR_UAPI', message);
    this.name = 'UapiError';
    this.errno = errno;
  }
}

/** A growing buffer of lines; outgrown memory is zeroed. */
export class Lines {
  #bytes = new Uint8Array(1024);
  #length = 0;

  text(key: string, value: string | number | bigint): void {
    this.#append(Buffer.from(`${key}=${value}\n`, 'latin1'));
  }

  key(name: string, bytes: Uint8Array): void {
    this.#append(Buffer.from(`${name}=`, 'latin1'));
    this.#reserve(2 * bytes.length + 1);
    for (const byte of bytes) {
      this.#bytes[this.#length++] = HEX_DIGITS[byte >> 4] as number;
      this.#bytes[this.#length++] = HEX_DIGITS[byte & 15] as number;
    }
    this.#bytes[this.#length++] = LINE_FEED;
  }

  end(): Uint8Array {
    this.#reserve(1);
    this.#bytes[this.#length++] = LINE_FEED;
    return this.#bytes.subarray(0, this.#length);
  }

  #append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
    larger.set(this.#bytes);
    this.#bytes.fill(0);
    this.#bytes = larger;
  }
}

/** Yields the lines before the first empty one. */
export function* linesOf(bytes: Uint8Array): Generator<{ key: string; value: Uint8Array }> {
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(LINE_FEED, start);
    if (end === -1 || end === start) return;
    const equals = bytes.subarray(start, end).indexOf(EQUALS);
    if (equals === -1) throw new UapiError('it has a line without =');
    yield {
      key: textOf(bytes.subarray(start, start + equals)),
      value: bytes.subarray(start + equals + 1, end),
    };
    start = end + 1;
  }
}

/** Decodes printable ASCII and refuses everything else, because it is shown on terminals. */
export function textOf(bytes: Uint8Array): string {
  if (bytes.some((byte) => byte < 0x20 || byte > 0x7e))
    throw new UapiError('it has a character that is not ASCII');
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

export function integerOf(value: Uint8Array, max: bigint): bigint {
  const digits = value.length <= 20 ? textOf(value) : '';
  const number = /^\d+$/.test(digits) ? BigInt(digits) : undefined;
  if (number === undefined || number > max)
    throw new UapiError('it has a number that is out of range');
  return number;
}

export function keyOf(value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(KEY_LENGTH);
  const isKey = value.length === 2 * KEY_LENGTH;
  for (let i = 0; i < KEY_LENGTH; i++) {
    const high = nibble(value[2 * i]);
    const low = nibble(value[2 * i + 1]);
    if (!isKey || high === undefined || low === undefined) {
      bytes.fill(0);
      throw new UapiError('it has a key that is not 64 digits');
    }
    bytes[i] = (high << 4) | low;
  }
  return bytes;
}

function nibble(digit: number | undefined): number | undefined {
  if (digit === undefined) return undefined;
  const lower = digit | 0x20;
  if (digit >= 0x30 && digit <= 0x39) return digit - 0x30;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : undefined;
}
