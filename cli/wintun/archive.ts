/** Extracts the DLL from the zip of a release. The whole zip is verified before anything in it is trusted. */
import { createHash } from 'node:crypto';
import { unzipSync } from 'fflate';
import { messageOf, WgTsError } from '../../system/errors.js';
import { WINTUN, WINTUN_DLL, type WintunArchitecture, type WintunPins } from './pins.js';

/** The release is 0.8 MB. */
export const MAX_ZIP_BYTES: number = 4 * 1024 * 1024;
/** The largest DLL in it is 0.5 MB. */
export const MAX_DLL_BYTES: number = 2 * 1024 * 1024;

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Throws WgTsError ERR_HASH, or ERR_FILE for a zip that is not laid out like the release. */
export function dllOf(
  zip: Uint8Array,
  architecture: WintunArchitecture,
  pins: WintunPins = WINTUN,
): Uint8Array {
  checkHash(`wintun-${pins.version}.zip`, zip, pins.zipSha256, pins);
  const pin = pins.dlls[architecture];
  const dll = unpack(zip, `bin/${pin.folder}/${WINTUN_DLL}`);
  checkHash(`${WINTUN_DLL} for ${architecture}`, dll, pin.sha256, pins);
  return dll;
}

function checkHash(what: string, bytes: Uint8Array, expected: string, pins: WintunPins): void {
  const found = sha256(bytes);
  if (found === expected) return;
  throw new WgTsError(
    'ERR_HASH',
    `this is not the ${what} of its makers: its SHA-256 is ${found}, expected ${expected}`,
    { hint: `nothing was installed; get the file again from ${pins.url}` },
  );
}

function unpack(zip: Uint8Array, path: string): Uint8Array {
  let tooLarge: number | undefined;
  const isWanted = ({ name, originalSize }: { name: string; originalSize: number }): boolean => {
    if (name !== path && name !== `wintun/${path}`) return false;
    // No more than the claimed size is unpacked: anything longer is cut off, and then the hash differs.
    if (originalSize > MAX_DLL_BYTES) tooLarge = originalSize;
    return tooLarge === undefined;
  };
  let files: Record<string, Uint8Array>;
  try {
    files = unzipSync(zip, { filter: isWanted });
  } catch (error) {
    const reason = messageOf(error);
    throw new WgTsError('ERR_FILE', `the zip cannot be read: ${reason}`, { cause: error });
  }
  if (tooLarge !== undefined)
    throw new WgTsError(
      'ERR_FILE',
      `${path} in the zip is ${tooLarge} bytes, more than ${MAX_DLL_BYTES}`,
    );
  const [dll, ...others] = Object.values(files);
  if (dll && others.length === 0) return dll;
  throw new WgTsError('ERR_FILE', `the zip has ${dll ? 'more than one' : 'no'} ${path}`);
}
