import { closeSync, openSync, readSync } from 'node:fs';
import { KEY_LENGTH } from '../../crypto/aead.js';
import { Secret } from '../../crypto/secret.js';
import { decodeKey, explainBadKey } from '../../src/config/key.js';
import { WgTsError } from '../../system/errors.js';

const STDIN = 0;
/** A key has 44 characters; longer input than this is not read to its end. */
const MAX_BYTES = 4096;

/** `-` is an addition of wg-ts; the manuals of wg(8) use /dev/stdin. */
export function isStdin(file: string): boolean {
  return file === '-' || file === '/dev/stdin';
}

/** Manuals use /dev/null as the empty file; it means that on every system. */
export function isNothing(file: string): boolean {
  return file === '/dev/null';
}

/**
 * Returns the key in a file, as private-key and preshared-key of wg(8) take it: an empty file, such as
 * /dev/null, is a key of zeros, which means none. Throws WgTsError, without any part of a key.
 */
export function readKeyFile(file: string): Secret {
  const buffer = new Uint8Array(MAX_BYTES);
  try {
    const text = Buffer.from(buffer.buffer, 0, readInto(buffer, file)).toString('latin1');
    if (text === '') return Secret.take(new Uint8Array(KEY_LENGTH));
    const key = text.trimEnd();
    const bytes = decodeKey(key);
    if (bytes) return Secret.take(bytes);
    throw new WgTsError('ERR_USAGE', `the key in ${file} ${explainBadKey(key)}`, {
      hint: 'make one with wg-ts genkey; an empty file such as /dev/null removes the key',
    });
  } finally {
    buffer.fill(0);
  }
}

function readInto(buffer: Uint8Array, file: string): number {
  let descriptor: number | undefined;
  if (isNothing(file)) return 0;
  try {
    descriptor = isStdin(file) ? STDIN : openSync(file, 'r');
    let length = 0;
    while (length < buffer.length) {
      const count = readSync(descriptor, buffer, length, buffer.length - length, null);
      if (count === 0) break;
      length += count;
    }
    return length;
  } catch (error) {
    throw explainUnreadable(file, error as NodeJS.ErrnoException);
  } finally {
    if (descriptor !== undefined && descriptor !== STDIN) closeSync(descriptor);
  }
}

/** A key given in place of a file name must not end up in a log. */
function explainUnreadable(file: string, { code = 'unknown error' }: NodeJS.ErrnoException): Error {
  const isKey = /^[A-Za-z0-9+/]{40,}=*$/.test(file);
  return new WgTsError(
    'ERR_FILE',
    isKey ? 'a key was given instead of a file name' : `cannot read ${file} (${code})`,
    {
      hint: 'put the key in a file, as every user can see command lines: private-key private.key, or - for stdin',
    },
  );
}
