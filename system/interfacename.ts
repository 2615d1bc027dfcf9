import { WgTsError } from './errors.js';

const MAX_BYTES = 15;
/** IFNAMSIZ of Linux without the terminating zero; elsewhere the limit of WireGuard for Windows. */
const LONGEST_NAME = { linux: 15, others: 32 } as const;
/** No file on Windows can have one of these names, whatever its extension. */
const RESERVED_ON_WINDOWS = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])$/i;
const NAME_CHARACTERS = /^[a-zA-Z0-9_=+.-]*$/;

/**
 * Checks a name by Linux's rules for interfaces: 1 to 15 bytes without `/`, `:` and white space, and
 * neither `.` nor `..`. Also refused: `%`, which the kernel takes for a template (`tun%d`), and NUL.
 * Throws WgTsError ERR_NAME.
 */
export function validateInterfaceName(name: string): void {
  const reason = complaint(name);
  if (reason !== undefined)
    throw new WgTsError('ERR_NAME', `interface name ${JSON.stringify(name)} ${reason}`);
}

function complaint(name: string): string | undefined {
  if (name === '') return 'is empty';
  const bytes = new TextEncoder().encode(name).length;
  if (bytes > MAX_BYTES) return `has ${bytes} bytes, at most ${MAX_BYTES} are allowed`;
  if (name === '.' || name === '..') return 'is reserved';
  if (/[/:%\s\0]/u.test(name)) return "must not contain '/', ':', '%' or white space";
  return undefined;
}

/** Throws WgTsError ERR_NAME when the kernel, wg-quick(8) or WireGuard for Windows would refuse `name`. */
export function checkInterfaceName(
  name: string,
  platform: NodeJS.Platform = process.platform,
): void {
  const longest = platform === 'linux' ? LONGEST_NAME.linux : LONGEST_NAME.others;
  const problem = explainBadName(name, longest, platform === 'win32');
  if (problem === undefined) return;
  throw new WgTsError('ERR_NAME', `an interface cannot be called '${name}': ${problem}`, {
    hint: `a name has 1 to ${longest} letters, digits or any of _ = + . -, for example office`,
  });
}

function explainBadName(name: string, longest: number, isWindows: boolean): string | undefined {
  if (name === '') return 'the name is empty';
  if (name === '.' || name === '..') return 'this stands for a directory';
  if (name.length > longest) return `it has ${name.length} characters, ${longest} are allowed`;
  if (isWindows && RESERVED_ON_WINDOWS.test(name)) return 'Windows keeps this name for a device';
  const bad = Array.from(name).find((character) => !NAME_CHARACTERS.test(character));
  return bad === undefined ? undefined : `'${bad}' is not allowed`;
}
