/** Looks at and replaces a file that may be a symbolic link or a mount point, such as /etc/resolv.conf. */
import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import type { Previous } from './document.js';

const PERMISSION_BITS = 0o7777;
/** The folder cannot be written to, or the file is a mount point: it may still be possible in place. */
const IN_PLACE = ['EBUSY', 'EROFS', 'EACCES', 'EPERM', 'EXDEV'];

/**
 * Returns the file to replace. A symbolic link is itself replaced, so that the program whose file it
 * points to goes on undisturbed; only where the folder of the link is read-only, its target is.
 */
export function targetOf(file: string): string {
  if (!isLink(file) || whyNotWritable(path.dirname(file)) === undefined) return file;
  try {
    return realpathSync(file);
  } catch {
    return file;
  }
}

export function isLink(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

/** Throws when there is something else than a file or a symbolic link. */
export function lookAt(file: string): Previous {
  const status = lstatSync(file, { throwIfNoEntry: false });
  if (!status) return { type: 'absent' };
  if (status.isSymbolicLink()) return { type: 'link', target: readlinkSync(file) };
  if (!status.isFile()) throw new Error(`${file} is not a file`);
  const { mode, uid, gid } = status;
  return { type: 'file', bytes: readFileSync(file), mode: mode & PERMISSION_BITS, uid, gid };
}

/** Returns what a program that opens `file` reads; empty when it cannot be opened. */
export function contentOf(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch {
    return Buffer.alloc(0);
  }
}

/** Returns why `file` cannot be replaced, as a system error name; undefined when it can. */
export function whyFixed(file: string): string | undefined {
  const target = targetOf(file);
  const ofFolder = whyNotWritable(path.dirname(target));
  const exists = lstatSync(target, { throwIfNoEntry: false })?.isFile() === true;
  // Not the folder alone: the file may be a read-only mount, or immutable.
  return exists ? whyNotWritable(target) : ofFolder;
}

function whyNotWritable(file: string): string | undefined {
  try {
    accessSync(file, constants.W_OK);
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}

/** Puts `what` in the place of `file`, at once where the file system allows that. */
export function replaceBy(file: string, what: Previous): void {
  const target = targetOf(file);
  if (what.type === 'absent') {
    removeOrEmpty(target);
    return;
  }
  const temporary = path.join(path.dirname(target), `.${path.basename(target)}.wg-ts`);
  try {
    rmSync(temporary, { force: true });
    if (what.type === 'link') symlinkSync(what.target, temporary);
    else writeNew(temporary, what);
    renameSync(temporary, target);
  } catch (error) {
    removeQuietly(temporary);
    if (what.type === 'link' || !IN_PLACE.includes(codeOf(error))) throw error;
    writeInPlace(target, what);
  }
}

function writeNew(
  file: string,
  { bytes, mode, uid, gid }: Extract<Previous, { type: 'file' }>,
): void {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const fd = openSync(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    writeAll(fd, bytes);
    setOwner(fd, uid, gid);
    fchmodSync(fd, mode);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * One write as long as the old content, and only then the file is cut: a program that reads meanwhile
 * finds a complete file with empty lines at its end, and never an empty one.
 */
function writeInPlace(
  file: string,
  { bytes, mode, uid, gid }: Extract<Previous, { type: 'file' }>,
): void {
  const fd = openSync(file, constants.O_WRONLY);
  try {
    const old = fstatSync(fd);
    writeAll(fd, Buffer.concat([bytes, Buffer.alloc(Math.max(0, old.size - bytes.length), '\n')]));
    ftruncateSync(fd, bytes.length);
    if (old.uid !== uid || old.gid !== gid) setOwner(fd, uid, gid);
    if ((old.mode & PERMISSION_BITS) !== mode) fchmodSync(fd, mode);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, at);
}

/** A service without CAP_CHOWN leaves the file to root. */
function setOwner(fd: number, uid: number, gid: number): void {
  try {
    fchownSync(fd, uid, gid);
  } catch (error) {
    if (codeOf(error) !== 'EPERM') throw error;
  }
}

/** A mount point cannot be removed, so it becomes empty. */
function removeOrEmpty(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch (error) {
    if (!IN_PLACE.includes(codeOf(error))) throw error;
    const fd = openSync(file, constants.O_WRONLY | constants.O_TRUNC);
    closeSync(fd);
  }
}

function removeQuietly(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // The folder is read-only, so there is no such file.
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'EIO';
}
