/**
 * The log of a tunnel in the background on Linux: files of bounded size, the newest under the plain
 * name. It is written synchronously, through the process's own stderr: the output of a hook or a crash
 * appears in order among the records, and nothing is left in a buffer when the process ends. That rules
 * out a rotating stream and the rotating sink of LogTape: stderr would keep pointing to a file that is
 * rotated away and deleted. The sink (@logtape/file 2.3.10) also follows symbolic links, leaves the mode
 * of its files to the umask, and after a failed rotation closes the same descriptor again, which may
 * belong to something else by then.
 */
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { libc } from '../../system/linux/libc.js';

const STDOUT = 1;
const STDERR = 2;
const MAX_FILE_BYTES = 1024 * 1024;
/** Including the one that is written to. */
const FILES = 3;

/** The newest first. */
export function logFiles(file: string): readonly string[] {
  return Array.from({ length: FILES }, (_, age) => (age === 0 ? file : `${file}.${age}`));
}

export function removeLogFiles(file: string): void {
  for (const one of logFiles(file)) rmSync(one, { force: true });
}

export class RotatingLog {
  readonly #file: string;
  readonly #fds: readonly [number, ...number[]];
  readonly #maxBytes: number;

  /**
   * `fds` are open for appending to `file`, and are redirected to each file that takes its place. A file
   * has up to `maxBytes`, plus what hooks add to it.
   */
  constructor(
    file: string,
    fds: readonly [number, ...number[]] = [STDERR, STDOUT],
    maxBytes: number = MAX_FILE_BYTES,
  ) {
    this.#file = file;
    this.#fds = fds;
    this.#maxBytes = maxBytes;
  }

  /** Of a line that is longer than a whole file only the end is kept. */
  append(line: string): void {
    const bytes = Buffer.from(`${line}\n`, 'utf8').subarray(-this.#maxBytes);
    const [fd] = this.#fds;
    try {
      // The system knows the size; hooks write to the file too.
      if (fstatSync(fd).size + bytes.length > this.#maxBytes) this.#rotate(fd);
      writeSync(fd, bytes);
    } catch {
      // A full disk must not end the tunnel, and there is nowhere else to report it.
    }
  }

  #rotate(fd: number): void {
    try {
      const files = logFiles(this.#file);
      for (let age = files.length - 1; age > 0; age -= 1) rename(files[age - 1], files[age]);
      const { O_WRONLY, O_APPEND, O_CREAT, O_EXCL } = constants;
      const next = openSync(this.#file, O_WRONLY | O_APPEND | O_CREAT | O_EXCL, 0o600);
      try {
        for (const one of this.#fds) redirect(one, next);
      } finally {
        closeSync(next);
      }
    } catch {
      // The file must not grow, even if the folder is gone or cannot be written to.
      ftruncateSync(fd, 0);
    }
  }
}

function redirect(fd: number, to: number): void {
  const { dup2, errno } = libc();
  if (dup2(to, fd) < 0) throw new Error(`dup2 failed: errno ${errno()}`);
}

function rename(from: string | undefined, to: string | undefined): void {
  if (from === undefined || to === undefined) return;
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

interface OpenFile {
  readonly fd: number;
  readonly inode: bigint;
}

/** Reads a log while another process writes, rotates, removes and recreates it. */
export class LogReader {
  readonly #file: string;
  readonly #decoder = new TextDecoder();
  #current: (OpenFile & { position: number }) | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  /** Returns the text since the last call; on the first call everything kept. Each byte is read once. */
  read(): string {
    if (this.#current && this.#inodeNow() === this.#current.inode) return this.#rest();
    const files = openAll(this.#file);
    const at = files.findIndex(({ inode }) => inode === this.#current?.inode);
    const newer = at < 0 ? files : files.slice(0, at);
    for (const { fd } of at < 0 ? [] : files.slice(at)) closeSync(fd);
    // The writer has moved on to the next file, or is gone.
    let text = this.#rest();
    for (const { fd, inode } of newer.toReversed()) {
      this.close();
      this.#current = { fd, inode, position: 0 };
      text += this.#rest();
    }
    return text;
  }

  close(): void {
    if (this.#current) closeSync(this.#current.fd);
    this.#current = undefined;
  }

  #inodeNow(): bigint | undefined {
    return statSync(this.#file, { bigint: true, throwIfNoEntry: false })?.ino;
  }

  #rest(): string {
    const current = this.#current;
    if (!current) return '';
    const bytes = Buffer.alloc(Math.max(0, fstatSync(current.fd).size - current.position));
    const length = readSync(current.fd, bytes, 0, bytes.length, current.position);
    current.position += length;
    return this.#decoder.decode(bytes.subarray(0, length), { stream: true });
  }
}

/** Newest first, without duplicates: a file may be renamed between two calls of open. */
function openAll(file: string): OpenFile[] {
  const files: OpenFile[] = [];
  for (const one of logFiles(file)) {
    const opened = open(one);
    if (!opened) continue;
    if (files.some(({ inode }) => inode === opened.inode)) closeSync(opened.fd);
    else files.push(opened);
  }
  return files;
}

function open(file: string): OpenFile | undefined {
  try {
    const fd = openSync(file, 'r');
    return { fd, inode: fstatSync(fd, { bigint: true }).ino };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Assembles lines from chunks of text. */
export class LineSplitter {
  #begun = '';

  /** Returns the lines that `text` completes, without their line breaks. */
  push(text: string): string[] {
    const lines = (this.#begun + text).split('\n');
    this.#begun = lines.pop() ?? '';
    return lines;
  }

  /** Returns the last, incomplete line, if there is one. */
  end(): string[] {
    const last = this.#begun;
    this.#begun = '';
    return last === '' ? [] : [last];
  }
}
