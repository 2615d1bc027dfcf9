import { KEY_LENGTH } from '../../crypto/aead.js';

/** 43 characters and one `=`; the last of the 43 holds only four bits, so its other two are zero. */
const CANONICAL = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

/**
 * Encodes 32 bytes as 44 characters of base64.
 *
 * @throws RangeError for another length.
 */
export function encodeKey(bytes: Uint8Array): string {
  if (bytes.length !== KEY_LENGTH)
    throw new RangeError(`a key has ${KEY_LENGTH} bytes, not ${bytes.length}`);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/**
 * Returns 32 bytes, or undefined when `text` is not exactly 44 characters of canonical base64. Private
 * keys are not clamped.
 */
export function decodeKey(text: string): Uint8Array | undefined {
  if (!CANONICAL.test(text)) return undefined;
  // Buffer.from(text, 'base64') could leave a copy in Node's shared pool.
  const bytes = new Uint8Array(KEY_LENGTH);
  Buffer.from(bytes.buffer).write(text, 'base64');
  return bytes;
}

/** Says why `decodeKey` refused `text`, without any part of it. */
export function explainBadKey(text: string): string {
  if (text === '') return 'has no value';
  if (/^[0-9A-Fa-f]{64}$/.test(text))
    return 'is written in hexadecimal; a key is written in base64';
  if (text.length !== 44) return `has ${text.length} characters; a key has 44 characters of base64`;
  return 'is not a key: 44 characters of base64 that stand for 32 bytes';
}
