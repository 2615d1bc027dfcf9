/** Extracts the configurations from a file to be imported. */
import path from 'node:path';
import { MAX_CONFIG_BYTES } from '../../src/config/file.js';
import { WgTsError } from '../../system/errors.js';
import { isJpeg, isPng, readPicture } from './picture.js';
import { isZip, unzipConfigs } from './zip.js';

/** A configuration to be imported, not yet checked. */
export interface Candidate {
  /** The name of the tunnel, unless the user chooses another. */
  readonly name: string;
  /** For messages: the file, and the entry in it. */
  readonly origin: string;
  /** The unchanged text. Contains secrets. */
  readonly text: string;
}

/** Detects the format from the bytes, not from the name of the file. Throws WgTsError ERR_FILE. */
export function candidatesOf(file: string, bytes: Uint8Array): readonly Candidate[] {
  if (isZip(bytes))
    return unzipConfigs(bytes, file).map(({ name, text }) => ({
      name: baseName(name),
      origin: `${file}:${name}`,
      text: decodeConfig(text, `${file}:${name}`),
    }));
  const text = isPng(bytes) || isJpeg(bytes) ? readPicture(bytes, file) : decodeConfig(bytes, file);
  return [{ name: baseName(file), origin: file, text }];
}

/** Strips folders and the last extension. Both kinds of slashes occur, as zips come from anywhere. */
function baseName(file: string): string {
  const base = path.posix.basename(file.replaceAll('\\', '/'));
  return base.replace(/\.[^.]*$/, '');
}

/** Zeroes `bytes`, which contain keys. */
function decodeConfig(bytes: Uint8Array, origin: string): string {
  try {
    if (bytes.length > MAX_CONFIG_BYTES)
      throw new WgTsError('ERR_FILE', `${origin} is larger than 1 MiB`, {
        hint: 'a configuration is a few lines of text: is this the right file?',
      });
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    if (error instanceof WgTsError) throw error;
    throw new WgTsError('ERR_FILE', `${origin} is neither UTF-8 text nor a zip, PNG or JPEG`, {
      hint: 'a .conf, a .zip of .conf files, or a QR code image can be imported',
      cause: error,
    });
  } finally {
    bytes.fill(0);
  }
}
