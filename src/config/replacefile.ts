import { type FileHandle, open, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';

const PERMISSION_BITS = 0o7777;

/**
 * Replaces the text of a file atomically: at any moment, also after a crash or with a full disk, either
 * the old or the new text is there as a whole. Owner and mode stay; a symbolic link stays and its
 * target changes; a new file has mode 0600. Throws the error of the file system, with the old text
 * untouched.
 *
 * write-file-atomic takes a write that a full disk has cut short for a complete one, and the file it
 * leaves behind when it is killed, which contains a private key here, would stay.
 */
export async function replaceFile(file: string, text: string): Promise<void> {
  const target = await realpath(file).catch(() => file);
  await removeLeftovers(target);
  const temporary = `${target}.${process.pid}.tmp`;
  await rm(temporary, { force: true });
  const handle = await open(temporary, 'wx', 0o600);
  try {
    await fill(handle, text, target);
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(path.dirname(target));
}

async function fill(handle: FileHandle, text: string, target: string): Promise<void> {
  const bytes = Buffer.from(text);
  try {
    await handle.writeFile(bytes);
    const old = await stat(target).catch(() => undefined);
    if (old && process.platform !== 'win32') {
      await handle.chown(old.uid, old.gid);
      await handle.chmod(old.mode & PERMISSION_BITS);
    }
    await handle.sync();
  } finally {
    bytes.fill(0);
    await handle.close();
  }
}

/** Removes the temporary files of processes that were killed while writing. */
async function removeLeftovers(target: string): Promise<void> {
  const prefix = `${path.basename(target)}.`;
  for (const name of await readdir(path.dirname(target))) {
    if (!name.startsWith(prefix)) continue;
    const pid = /^(\d+)\.tmp$/.exec(name.slice(prefix.length))?.[1];
    if (pid !== undefined && !exists(Number(pid)))
      await rm(path.join(path.dirname(target), name), { force: true });
  }
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Without it a power failure may still undo the rename. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
