/** The zip that WireGuard's programs export: one .conf for each tunnel. */
import { unzipSync } from 'fflate';
import { MAX_CONFIG_BYTES } from '../../src/config/file.js';
import { messageOf, WgTsError } from '../../system/errors.js';

/** Of one zip; nobody has as many tunnels. */
export const MAX_ENTRIES = 256;
/** Of all configurations together. */
export const MAX_UNPACKED_BYTES: number = 8 * 1024 * 1024;

const CONF = /\.conf$/i;

export interface ZipEntry {
  /** As the zip has it: never a path to write to. */
  readonly name: string;
  readonly text: Uint8Array;
}

export function isZip(bytes: Uint8Array): boolean {
  const [first, second, third, fourth] = bytes;
  if (first !== 0x50 || second !== 0x4b) return false;
  // Of an entry, or of the directory of an empty zip.
  return (third === 3 && fourth === 4) || (third === 5 && fourth === 6);
}

/**
 * The configurations of a zip, in its order. Whatever else is in it, a folder, a symbolic link or a
 * name with `..`, makes it refused as a whole. Throws WgTsError ERR_FILE.
 */
export function unzipConfigs(zip: Uint8Array, file: string): readonly ZipEntry[] {
  const refused = new Refusal(file);
  let entries = 0;
  let total = 0;
  const seen = new Set<string>();
  let unpacked: Record<string, Uint8Array>;
  try {
    unpacked = unzipSync(zip, {
      // What an entry claims here is also all that it gets: more is cut off.
      filter({ name, originalSize }) {
        entries += 1;
        total += originalSize;
        if (entries > MAX_ENTRIES) refused.because(`has more than ${MAX_ENTRIES} entries`);
        if (originalSize > MAX_CONFIG_BYTES)
          refused.because(`: ${show(name)} is larger than 1 MiB`);
        if (total > MAX_UNPACKED_BYTES) refused.because('would be larger than 8 MiB unpacked');
        const problem = explainBadEntry(name);
        if (problem !== undefined) refused.because(`: ${show(name)} ${problem}`);
        // The second one would take the first one's place unseen.
        if (seen.has(name)) refused.because(`has ${show(name)} twice`);
        seen.add(name);
        return true;
      },
    });
  } catch (error) {
    if (error instanceof WgTsError) throw error;
    const reason = messageOf(error);
    throw new WgTsError('ERR_FILE', `${file} is a zip that cannot be read: ${reason}`, {
      hint: 'export it again; a zip with a password has to be unpacked first',
      cause: error,
    });
  }
  if (entries === 0) refused.because('has no .conf in it');
  return Object.entries(unpacked).map(([name, text]) => ({ name, text }));
}

function explainBadEntry(name: string): string | undefined {
  if (/[/\\]/.test(name)) return 'is in a folder';
  if (!CONF.test(name)) return 'is no .conf';
  return undefined;
}

class Refusal {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  because(what: string): never {
    throw new WgTsError('ERR_FILE', `${this.#file}${what.startsWith(':') ? '' : ' '}${what}`, {
      hint: 'nothing was imported; a zip to be imported has .conf files, and nothing else',
    });
  }
}

function show(name: string): string {
  const short = name.length > 64 ? `${name.slice(0, 64)}...` : name;
  return `'${short.replace(/[^\x20-\x7e]/g, '?')}'`;
}
