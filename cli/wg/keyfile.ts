import { closeSync, openSync, readSync } from 'node:fs';
import { KEY_LENGTH } from '../../crypto/aead.js';
import { Secret } from '../../crypto/secret.js';
import { decodeKey, explainBadKey } from '../../src/config/key.js';
import { WgTsError } from '../../system/errors.js';

const STDIN = 0;
/** A key has 44 characters; more than this is no key whatever follows. */
const MAX_BYTES = 4096;

/** `-` is ours, /dev/stdin what manuals have. */
export function isStdin(file: string): boolean {
  return file === '-' || file === '/dev/stdin';
}

/** So manuals call the empty file, also where there is none of that name. */
export function isNothing(file: string): boolean {
  return file === '/dev/null';
}

/**
 * The key in a file, as private-key and preshared-key of wg(8) take it: an empty file, such as
 * /dev/null, is a key of zeros, which stands for none. Throws WgTsError, without any part of a key.
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
      hint: 'make one with wg-ts genkey; an empty file such as /dev/null takes the key away',
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

/** Who gives the key instead of a file with it must not find it in a log. */
function explainUnreadable(file: string, { code = 'unknown error' }: NodeJS.ErrnoException): Error {
  const isKey = /^[A-Za-z0-9+/]{40,}=*$/.test(file);
  return new WgTsError(
    'ERR_FILE',
    isKey ? 'a key stands where the name of a file belongs' : `cannot read ${file} (${code})`,
    {
      hint: 'keys are given in files, as command lines can be seen by everybody: private-key private.key, or - for stdin',
    },
  );
}
