/**
 * /etc/resolv.conf on a machine where no other program manages it.
 *
 * The tunnel that came up last has its servers in the file; when it goes down, those of the one before
 * it return, and in the end the file as it was. Every process of a tunnel may write it, one at a time.
 */
import { existsSync, mkdirSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { queryJson, type Runner } from '../../../system/commands.js';
import { tryLockFile } from '../../../system/linux/filelock.js';
import {
  asksFor,
  type DnsEntry,
  introduction,
  nameServers,
  optionLines,
  ownDocument,
  type Previous,
  parseOwnDocument,
} from './document.js';
import { contentOf, isLink, lookAt, replaceBy, targetOf, whyFixed } from './file.js';
import { machinePaths, RecordFile, type ResolvConfPaths, type ResolvConfRecord } from './record.js';

/** systemd-resolved's own files, one of which /etc/resolv.conf is a link to. */
const RESOLVED = '/run/systemd/resolve/';
const TRY_AGAIN_MS = 20;
const PATIENCE_MS = 15_000;

/** What a look at the file has found. */
export interface Found {
  /** Also `rewritten` has been put back. */
  readonly state: 'ours' | 'rewritten';
  /** How the rewritten file introduced itself. */
  readonly by?: string;
  /** Another tunnel has its servers recorded too. */
  readonly isShared?: true;
}

/** The file as it is now, for a report. */
export interface ResolvConfState {
  readonly servers: readonly string[];
  /** Why it cannot be written, such as `EROFS`. */
  readonly fixed?: string;
  /** It is a link, or leads to a resolver on this machine: another program decides who is asked. */
  readonly isManaged: boolean;
  /** Names of the tunnels that it was written for, if wg-ts wrote it; the last one is in force. */
  readonly writtenFor?: readonly string[];
  /** Names of the tunnels that are recorded to have their servers in it. */
  readonly recordedFor: readonly string[];
}

interface Situation {
  readonly now: Previous;
  readonly isOurs: boolean;
  readonly record: ResolvConfRecord;
}

export class ResolvConf {
  readonly file: string;
  readonly #paths: ResolvConfPaths;
  readonly #record: RecordFile;
  readonly #run: Runner;

  constructor(run: Runner, paths: ResolvConfPaths = machinePaths()) {
    this.#run = run;
    this.#paths = paths;
    this.#record = new RecordFile(paths);
    this.file = paths.file;
  }

  state(): ResolvConfState {
    const bytes = contentOf(this.file);
    const own = parseOwnDocument(bytes);
    const fixed = this.#paths.foreign ?? whyFixed(this.file);
    const text = bytes.toString('latin1');
    return {
      servers: nameServers(text),
      isManaged: isLink(this.file) || asksFor(text, []),
      ...(fixed !== undefined && { fixed }),
      ...(own && { writtenFor: own.names }),
      recordedFor: this.#record.read()?.entries.map(({ name }) => name) ?? [],
    };
  }

  /** Returns whether names are resolved by `servers`, or by a resolver on this machine. */
  asksFor(servers: readonly string[]): boolean {
    if (isBelow(RESOLVED, this.file)) return true;
    return asksFor(contentOf(this.file).toString('latin1'), servers);
  }

  /** Puts the entry on top. Throws the error of the file system. */
  async add(entry: DnsEntry): Promise<void> {
    if (this.#paths.foreign !== undefined) throw new Error(this.#paths.foreign);
    await this.#locked(async () => {
      const isOther = await this.#livingOthers(entry.name);
      const situation = this.#look();
      const others = situation.record.entries.filter(({ name }) => isOther(name));
      this.#write(situation, [...others, entry]);
    });
  }

  /** Takes the entry of `name` out. Harmless when there is none, or the file is not ours any more. */
  async remove(name: string): Promise<void> {
    if (this.#paths.foreign !== undefined || !this.#mayHold(name)) return;
    await this.#locked(async () => {
      const isOther = await this.#livingOthers(name);
      const { record, isOurs, ...rest } = this.#look();
      const left = record.entries.filter((entry) => isOther(entry.name));
      if (left.length > 0 && isOurs) this.#write({ record, isOurs, ...rest }, left);
      else if (left.length > 0)
        this.#record.write({ ...record, entries: left }, this.#before(record.previous));
      else {
        if (isOurs) replaceBy(this.file, record.previous);
        this.#record.remove();
      }
    });
  }

  /**
   * Puts the file back if another program has rewritten it, and takes out tunnels that were killed.
   * `isClosed`: it is too late for that.
   */
  async check(entry: DnsEntry, isClosed: () => boolean): Promise<Found> {
    return await this.#locked(async () => {
      const isOther = await this.#livingOthers(entry.name);
      if (isClosed()) return { state: 'ours' };
      const situation = this.#look();
      const { record, isOurs, now } = situation;
      const isListed = record.entries.some(({ name }) => name === entry.name);
      const all = isListed ? record.entries : [...record.entries, entry];
      const entries = all.filter(({ name }) => name === entry.name || isOther(name));
      const isUntouched =
        isListed && now.type === 'file' && now.bytes.equals(this.#document(record));
      if (!isUntouched || entries.length < all.length) this.#write(situation, entries);
      const shared = entries.length > 1 ? { isShared: true as const } : {};
      if (isUntouched) return { state: 'ours', ...shared };
      const by = now.type === 'file' && !isOurs ? introduction(now.bytes) : undefined;
      return { state: 'rewritten', ...(by !== undefined && { by }), ...shared };
    });
  }

  /**
   * Returns the tunnels that a crash has left in the file, if none of those in it is up. `name` asks for
   * one alone.
   */
  async left(name?: string): Promise<readonly string[]> {
    if (this.#paths.foreign !== undefined) return [];
    const names = parseOwnDocument(contentOf(this.file))?.names ?? [];
    if (names.length === 0 || (name !== undefined && !names.includes(name))) return [];
    if (names.some(await this.#interfaces())) return [];
    return name === undefined ? names : [name];
  }

  #mayHold(name: string): boolean {
    const { entries = [] } = this.#record.read() ?? {};
    const names = parseOwnDocument(contentOf(this.file))?.names ?? [];
    return entries.some((entry) => entry.name === name) || names.includes(name);
  }

  /** A file that is not ours is what was rewritten last, and so what has to come back. */
  #look(): Situation {
    const now = lookAt(targetOf(this.file));
    const own = now.type === 'file' ? parseOwnDocument(now.bytes) : undefined;
    const saved = this.#record.read();
    if (!own)
      return { now, isOurs: false, record: { entries: saved?.entries ?? [], previous: now } };
    const record = saved ?? { entries: [], previous: own.previous };
    return { now, isOurs: true, record };
  }

  /** The record first: what is recorded too much is harmless. */
  #write({ record, now }: Situation, entries: readonly DnsEntry[]): void {
    const next = { ...record, entries };
    this.#record.write(next, this.#before(record.previous));
    const like = now.type === 'file' ? now : { mode: 0o644, uid: 0, gid: 0 };
    const { mode, uid, gid } = record.previous.type === 'file' ? record.previous : like;
    replaceBy(this.file, { type: 'file', bytes: this.#document(next), mode, uid, gid });
  }

  #document({ entries, previous }: ResolvConfRecord): Buffer {
    return ownDocument(entries, previous, optionLines(this.#before(previous)));
  }

  #before(previous: Previous): Buffer {
    if (previous.type === 'file') return previous.bytes;
    if (previous.type === 'absent') return Buffer.alloc(0);
    return contentOf(path.resolve(path.dirname(this.file), previous.target));
  }

  /** Resolves to a test for recorded tunnels other than `name` whose interface is there. */
  async #livingOthers(name: string): Promise<(other: string) => boolean> {
    const { entries = [] } = this.#record.read() ?? {};
    const others = entries.filter((entry) => entry.name !== name);
    if (others.length === 0) return () => false;
    const isUp = await this.#interfaces();
    return (other) => other !== name && isUp(other);
  }

  async #interfaces(): Promise<(name: string) => boolean> {
    const rows = await queryJson<{ readonly ifname?: string }>(this.#run, ['ip', '-json', 'link']);
    const names = new Set(rows.flatMap(({ ifname }) => ifname ?? []));
    return (name) => names.has(name);
  }

  async #locked<T>(work: () => Promise<T>): Promise<T> {
    const { folder } = this.#paths;
    if (!existsSync(folder)) mkdirSync(folder, { recursive: true, mode: 0o700 });
    // One for all network namespaces, as a lock cannot be removed without a race.
    const lock = path.join(folder, 'resolv.conf.lock');
    for (let waited = 0; waited < PATIENCE_MS; waited += TRY_AGAIN_MS) {
      const unlock = tryLockFile(lock);
      if (unlock)
        try {
          return await work();
        } finally {
          unlock();
        }
      await sleep(TRY_AGAIN_MS);
    }
    throw new Error('another wg-ts is busy with it');
  }
}

function isBelow(folder: string, file: string): boolean {
  try {
    return realpathSync(file).startsWith(folder);
  } catch {
    return false;
  }
}
