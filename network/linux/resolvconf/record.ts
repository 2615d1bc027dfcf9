/** What wg-ts remembers of /etc/resolv.conf while tunnels have their servers in it. */
import {
  closeSync,
  constants,
  fchmodSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import type { DnsEntry, Previous } from './document.js';

export interface ResolvConfRecord {
  /** In the order in which they came up. */
  readonly entries: readonly DnsEntry[];
  readonly previous: Previous;
}

/** Where the file and the records are. */
export interface ResolvConfPaths {
  readonly file: string;
  /** Belongs to root; created with mode 0700. */
  readonly folder: string;
  /** Of the names in `folder`. */
  readonly base: string;
  /** Why the file must not be touched. */
  readonly foreign?: string;
}

/**
 * Returns the paths on this machine. All network namespaces share /run, but each may have a file of its
 * own, by ip-netns(8); so the names in /run tell them apart.
 */
export function machinePaths(): ResolvConfPaths {
  const file = '/etc/resolv.conf';
  const folder = '/run/wg-ts';
  const namespace = otherNamespace();
  if (namespace === undefined) return { file, folder, base: 'resolv.conf' };
  const base = `resolv.conf.${namespace}`;
  if (hasOwn(file)) return { file, folder, base };
  return { file, folder, base, foreign: 'it is that of another network namespace too' };
}

/** Returns the file with what programs read before. */
export function fileBefore(
  { folder, base }: Pick<ResolvConfPaths, 'folder' | 'base'> = machinePaths(),
): string {
  return path.join(folder, `${base}.before`);
}

/** Returns a number for the network namespace, unless it is that of the machine or the container. */
function otherNamespace(): string | undefined {
  const ours = namespaceOf('self');
  const first = namespaceOf('1');
  if (ours === undefined || ours === first) return undefined;
  return first !== undefined || isNamed(ours) ? ours : undefined;
}

/** Undefined where this process may not know, as in a service without privileges over others. */
function namespaceOf(pid: string): string | undefined {
  try {
    return /\d+/.exec(readlinkSync(`/proc/${pid}/ns/net`))?.[0];
  } catch {
    return undefined;
  }
}

/** Whether ip-netns(8) has made the namespace. */
function isNamed(namespace: string): boolean {
  const folder = '/run/netns';
  try {
    return readdirSync(folder).some(
      (name) => String(statSync(path.join(folder, name)).ino) === namespace,
    );
  } catch {
    return false;
  }
}

/** Whether programs outside the namespace have another file. */
function hasOwn(file: string): boolean {
  try {
    const [own, other] = [statSync(file), statSync(`/proc/1/root${file}`)];
    return own.dev !== other.dev || own.ino !== other.ino;
  } catch {
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
    const points = mounts.map((line) => line.split(' ')[4]);
    return points.includes(file) || points.includes(path.dirname(file));
  }
}

/**
 * The record, and beside it the previous file as it was, for people and programs that want to know
 * the machine's own servers.
 */
export class RecordFile {
  readonly #file: string;
  readonly #before: string;
  readonly #folder: string;

  constructor({ folder, base }: ResolvConfPaths) {
    this.#folder = folder;
    this.#file = path.join(folder, `${base}.record`);
    this.#before = fileBefore({ folder, base });
  }

  /** Returns undefined when there is none, or it cannot be parsed. */
  read(): ResolvConfRecord | undefined {
    try {
      return parseRecord(readFileSync(this.#file, 'utf8'));
    } catch {
      return undefined;
    }
  }

  /** `before`: what programs read before. */
  write(record: ResolvConfRecord, before: Buffer): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const { previous } = record;
    replace(this.#before, before, previous.type === 'file' ? previous.mode & 0o777 : 0o644);
    const saved = { ...record, previous: forJson(previous) };
    replace(this.#file, Buffer.from(JSON.stringify(saved)), 0o600);
  }

  remove(): void {
    for (const file of [this.#file, this.#before]) rmSync(file, { force: true });
  }
}

/** Also after a crash either the old text or the new one is there. */
function replace(file: string, bytes: Buffer, mode: number): void {
  const temporary = `${file}.new`;
  rmSync(temporary, { force: true });
  const { O_WRONLY, O_CREAT, O_EXCL } = constants;
  const fd = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL, 0o600);
  try {
    writeFileSync(fd, bytes);
    fchmodSync(fd, mode);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, file);
}

function forJson(previous: Previous): object {
  if (previous.type !== 'file') return previous;
  return { ...previous, bytes: previous.bytes.toString('base64') };
}

function parseRecord(text: string): ResolvConfRecord | undefined {
  const value: unknown = JSON.parse(text);
  if (!isObject(value)) return undefined;
  const previous = parsePrevious(value['previous']);
  const { entries } = value;
  if (!previous || !Array.isArray(entries) || !entries.every(isEntry)) return undefined;
  return { entries, previous };
}

function parsePrevious(value: unknown): Previous | undefined {
  if (!isObject(value)) return undefined;
  const { type, target, bytes, mode, uid, gid } = value;
  if (type === 'absent') return { type };
  if (type === 'link' && typeof target === 'string') return { type, target };
  if (type !== 'file' || typeof bytes !== 'string') return undefined;
  if (typeof mode !== 'number' || typeof uid !== 'number' || typeof gid !== 'number')
    return undefined;
  return { type, bytes: Buffer.from(bytes, 'base64'), mode, uid, gid };
}

function isEntry(value: unknown): value is DnsEntry {
  if (!isObject(value)) return false;
  const { name, servers, search } = value;
  return typeof name === 'string' && [servers, search].every(isTexts);
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
