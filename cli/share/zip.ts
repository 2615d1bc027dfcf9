/** Reads zips that WireGuard's programs export, with one .conf per tunnel. */
import { unzipSync } from 'fflate';
import { MAX_CONFIG_BYTES } from '../../src/config/file.js';
import { messageOf, WgTsError } from '../../system/errors.js';

/** In one zip; more than anyone has tunnels. */
export const MAX_ENTRIES = 256;
/** For all configurations together. */
export const MAX_UNPACKED_BYTES: number = 8 * 1024 * 1024;

const CONF = /\.conf$/i;

export interface ZipEntry {
  /** As it is in the zip. It never becomes a path to write to. */
  readonly name: string;
  readonly text: Uint8Array;
}

export function isZip(bytes: Uint8Array): boolean {
  const [first, second, third, fourth] = bytes;
  if (first !== 0x50 || second !== 0x4b) return false;
  // The signature of an entry, or of the end of the directory of an empty zip.
  return (third === 3 && fourth === 4) || (third === 5 && fourth === 6);
}

/**
 * Returns the configurations in a zip, in its order. A zip with anything else, such as a folder, a symbolic
 * link or a name with `..`, is refused as a whole. Throws WgTsError ERR_FILE.
 */
export function unzipConfigs(zip: Uint8Array, file: string): readonly ZipEntry[] {
  const refused = new Refusal(file);
  let entries = 0;
  let total = 0;
  const seen = new Set<string>();
  let unpacked: Record<string, Uint8Array>;
  try {
    unpacked = unzipSync(zip, {
      // No more than the claimed size is unpacked: anything longer is cut off.
      filter({ name, originalSize }) {
        entries += 1;
        total += originalSize;
        if (entries > MAX_ENTRIES) refused.because(`has more than ${MAX_ENTRIES} entries`);
        if (originalSize > MAX_CONFIG_BYTES)
          refused.because(`: ${show(name)} is larger than 1 MiB`);
        if (total > MAX_UNPACKED_BYTES) refused.because('would be larger than 8 MiB unpacked');
        const problem = explainBadEntry(name);
        if (problem !== undefined) refused.because(`: ${show(name)} ${problem}`);
        // The second entry would silently replace the first.
        if (seen.has(name)) refused.because(`has ${show(name)} twice`);
        seen.add(name);
        return true;
      },
    });
  } catch (error) {
    if (error instanceof WgTsError) throw error;
    const reason = messageOf(error);
    throw new WgTsError('ERR_FILE', `${file} is a zip that cannot be read: ${reason}`, {
      hint: 'export it again; unpack a zip with a password first',
      cause: error,
    });
  }
  if (entries === 0) refused.because('has no .conf in it');
  return Object.entries(unpacked).map(([name, text]) => ({ name, text }));
}

function explainBadEntry(name: string): string | undefined {
  if (/[/\\]/.test(name)) return 'is in a folder';
  if (!CONF.test(name)) return 'is not a .conf';
  return undefined;
}

class Refusal {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  because(what: string): never {
    throw new WgTsError('ERR_FILE', `${this.#file}${what.startsWith(':') ? '' : ' '}${what}`, {
      hint: 'nothing was imported; a zip may contain only .conf files',
    });
  }
}

function show(name: string): string {
  const short = name.length > 64 ? `${name.slice(0, 64)}...` : name;
  return `'${short.replace(/[^\x20-\x7e]/g, '?')}'`;
}
