/** What a file that was handed over holds: configurations, by name. */
import path from 'node:path';
import { MAX_CONFIG_BYTES } from '../../src/config/file.js';
import { WgTsError } from '../../system/errors.js';
import { isJpeg, isPng, readPicture } from './picture.js';
import { isZip, unzipConfigs } from './zip.js';

/** A configuration on its way in, not looked at yet. */
export interface Candidate {
  /** What the tunnel would be called, unless it is told otherwise. */
  readonly name: string;
  /** For messages: the file, and the entry in it. */
  readonly origin: string;
  /** As it was written. Holds secrets. */
  readonly text: string;
}

/** By what the bytes are, not by how the file is called. Throws WgTsError ERR_FILE. */
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

/** Without folders and the last ending; both kinds of slashes, since zips come from anywhere. */
function baseName(file: string): string {
  const base = path.posix.basename(file.replaceAll('\\', '/'));
  return base.replace(/\.[^.]*$/, '');
}

/** Zeroes `bytes`, which hold keys. */
function decodeConfig(bytes: Uint8Array, origin: string): string {
  try {
    if (bytes.length > MAX_CONFIG_BYTES)
      throw new WgTsError('ERR_FILE', `${origin} is larger than 1 MiB`, {
        hint: 'a configuration is a text of a few lines: is this the right file?',
      });
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    if (error instanceof WgTsError) throw error;
    throw new WgTsError('ERR_FILE', `${origin} is no text in UTF-8, no zip and no PNG or JPEG`, {
      hint: 'a .conf, a .zip of them, or a picture of a QR code can be imported',
      cause: error,
    });
  } finally {
    bytes.fill(0);
  }
}
