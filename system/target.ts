/** Which of the libraries of the package is that of this machine. */
import { readFileSync } from 'node:fs';

/**
 * `linux-x64`, `linux-arm64-musl`, `win32-x64`: the folder of this process's library. By the C library
 * that node itself runs on: a machine may have several, and only that one can be loaded into it.
 */
export function targetName(): string {
  const isMusl = process.platform === 'linux' && isMuslMapped(memoryMap());
  return `${process.platform}-${process.arch}${isMusl ? '-musl' : ''}`;
}

/**
 * Whether /proc/PID/maps has musl in it: ld-musl-ARCH.so.1, or what that is a link to, libc.so. (glibc's is
 * libc.so.6 or libc-2.NN.so.)
 */
export function isMuslMapped(maps: string): boolean {
  return /\/(?:ld-musl-[^/\n]*|libc\.so)$/m.test(maps);
}

/** `wgts.dll`, `libwgts.so`: as this system names a shared library. */
export function sharedLibraryName(name: string): string {
  return process.platform === 'win32' ? `${name}.dll` : `lib${name}.so`;
}

/** process.report tells it as well, but takes several milliseconds and asks for the names of peers. */
function memoryMap(): string {
  try {
    return readFileSync('/proc/self/maps', 'latin1');
  } catch {
    return '';
  }
}
