/** Reads the text of a QR code in an image. */
import { createRequire } from 'node:module';
import decodeQR from 'qr/decode.js';
import { WgTsError } from '../../system/errors.js';

/** Both libraries would allocate what a header claims. The limit is a photo of 5,000 by 5,000 pixels. */
const MAX_PIXELS = 25_000_000;
const MAX_SIDE = 16_384;
/** Limits of the decoder's optional attempts; a photo may get more of them than a frame of video. */
const PATIENCE_MS = 5000;
const EFFORT = 8;
/** The memory that jpeg-js may use for an image of that size. */
const JPEG_MEGABYTES = 512;

interface Pixels {
  readonly width: number;
  readonly height: number;
  /** RGBA. */
  readonly data: Uint8Array;
}

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const JPEG_SIGNATURE = [0xff, 0xd8, 0xff];

const startsWith = (bytes: Uint8Array, signature: readonly number[]): boolean =>
  signature.every((byte, at) => bytes[at] === byte);

export function isPng(bytes: Uint8Array): boolean {
  return startsWith(bytes, PNG_SIGNATURE);
}

export function isJpeg(bytes: Uint8Array): boolean {
  return startsWith(bytes, JPEG_SIGNATURE);
}

/** Returns the text of the QR code in a PNG or JPEG. Zeroes `bytes`. Throws WgTsError ERR_FILE. */
export function readPicture(bytes: Uint8Array, file: string): string {
  const pixels = readPixels(bytes, file);
  try {
    return decodeQR(pixels, { format: 'RGBA', effort: EFFORT, timeLimit: PATIENCE_MS });
  } catch (error) {
    throw new WgTsError('ERR_FILE', `${file} has no readable QR code`, {
      hint: 'take the picture straight from above, sharp, with a white margin around the code',
      cause: error,
    });
  } finally {
    bytes.fill(0);
    pixels.data.fill(0);
  }
}

function readPixels(bytes: Uint8Array, file: string): Pixels {
  try {
    return isPng(bytes) ? readPng(bytes, file) : readJpeg(bytes);
  } catch (error) {
    if (error instanceof WgTsError) throw error;
    const reason = error instanceof Error ? error.message : 'it is damaged';
    throw new WgTsError('ERR_FILE', `${file} cannot be read as an image: ${reason}`, {
      hint: 'save it as PNG or JPEG, smaller than 25 megapixels',
      cause: error,
    });
  }
}

const load = createRequire(import.meta.url);

function readPng(bytes: Uint8Array, file: string): Pixels {
  // After the signature the standard requires the length and name of IHDR, then the size.
  const header = new DataView(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 24));
  if (header.byteLength < 24) throw new Error('it is truncated');
  const [width, height] = [header.getUint32(16), header.getUint32(20)];
  if (width > MAX_SIDE || height > MAX_SIDE || width * height > MAX_PIXELS)
    throw new WgTsError('ERR_FILE', `${file} is an image of ${width} by ${height} pixels`, {
      hint: 'make it smaller than 25 megapixels',
    });
  const { PNG } = load('pngjs') as typeof import('pngjs');
  return PNG.sync.read(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

function readJpeg(bytes: Uint8Array): Pixels {
  const { decode } = load('jpeg-js') as typeof import('jpeg-js');
  return decode(bytes, {
    useTArray: true,
    maxResolutionInMP: MAX_PIXELS / 1_000_000,
    maxMemoryUsageInMB: JPEG_MEGABYTES,
  });
}
