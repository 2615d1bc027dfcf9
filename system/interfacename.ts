import { TunError } from '../tun/errors.js';

const MAX_BYTES = 15;

/**
 * Linux's rules for the name of an interface: 1 to 15 bytes without `/`, `:` and white space, and
 * neither `.` nor `..`. Also refused: `%`, which the kernel takes for a template (`tun%d`), and NUL.
 * Throws TunError ERR_NAME.
 */
export function validateInterfaceName(name: string): void {
  const reason = complaint(name);
  if (reason !== undefined)
    throw new TunError('ERR_NAME', `interface name ${JSON.stringify(name)} ${reason}`);
}

function complaint(name: string): string | undefined {
  if (name === '') return 'is empty';
  const bytes = new TextEncoder().encode(name).length;
  if (bytes > MAX_BYTES) return `has ${bytes} bytes, at most ${MAX_BYTES} are allowed`;
  if (name === '.' || name === '..') return 'is reserved';
  if (/[/:%\s\0]/u.test(name)) return "must not contain '/', ':', '%' or white space";
  return undefined;
}
