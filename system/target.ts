/** Chooses the package's library for this machine. */
import { readFileSync } from 'node:fs';

/**
 * Returns the folder of this process's library, for example `linux-x64`, `linux-arm64-musl` or `win32-x64`.
 * It depends on the C library that Node itself runs on: a machine may have several, but only a library for
 * that one can be loaded into Node.
 */
export function targetName(): string {
  const isMusl = process.platform === 'linux' && isMuslMapped(memoryMap());
  return `${process.platform}-${process.arch}${isMusl ? '-musl' : ''}`;
}

/**
 * Returns whether /proc/PID/maps contains musl: ld-musl-ARCH.so.1, or the target of that link, libc.so.
 * (glibc's is libc.so.6 or libc-2.NN.so.)
 */
export function isMuslMapped(maps: string): boolean {
  return /\/(?:ld-musl-[^/\n]*|libc\.so)$/m.test(maps);
}

/** Returns the file name of a shared library on this system, `wgts.dll` or `libwgts.so`. */
export function sharedLibraryName(name: string): string {
  return process.platform === 'win32' ? `${name}.dll` : `lib${name}.so`;
}

/** process.report has it as well, but takes several milliseconds and looks up the names of peers. */
function memoryMap(): string {
  try {
    return readFileSync('/proc/self/maps', 'latin1');
  } catch {
    return '';
  }
}
