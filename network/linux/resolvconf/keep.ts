/** Keeps a tunnel's servers in /etc/resolv.conf while other programs, such as DHCP clients, write it too. */
import { type FSWatcher, unwatchFile, watch, watchFile } from 'node:fs';
import path from 'node:path';
import { backgroundClock, type Clock, type Scheduled, systemClock } from '../../../system/clock.js';
import { messageOf } from '../../../system/errors.js';
import type { DnsEntry } from './document.js';
import { targetOf } from './file.js';
import type { Found, ResolvConf } from './resolvconf.js';

/** A program writes a file in several steps; they are looked at once. */
const SETTLE_MS = 100;
/** Doubles with each time that the file is rewritten again soon after it was put back. */
const FIRST_PAUSE_MS = 1000;
const MAX_ATTEMPTS = 8;
/** After so long without another program, the count starts anew. */
const QUIET_MS = 60_000;
/** Where the system has no more notifications to give. */
const POLL_MS = 5000;
/** While another tunnel has its servers in the file too: when it is killed, ours are to return. */
const SHARED_MS = 5000;

export interface KeptFile {
  close(): void;
}

/** Does nothing if another program has been given the servers, and the file leads to it. */
export function keepResolvConf(
  file: ResolvConf,
  entry: DnsEntry,
  onWarning: (message: string) => void,
  clock: Clock = systemClock(),
): KeptFile {
  if (!file.state().recordedFor.includes(entry.name)) return { close: () => undefined };
  const check = (isClosed: () => boolean): Promise<Found> => file.check(entry, isClosed);
  const keeper = new Keeper(file.file, entry.name, check, onWarning, backgroundClock(clock));
  const notices = new FileNotices(file.file, () => keeper.changed());
  // It may have been rewritten since it was written.
  keeper.changed();
  return {
    close() {
      keeper.close();
      notices.close();
    },
  };
}

/** Decides when to look at the file, and gives up when another program never does. */
export class Keeper {
  readonly #file: string;
  readonly #name: string;
  readonly #check: (isClosed: () => boolean) => Promise<Found>;
  readonly #onWarning: (message: string) => void;
  readonly #clock: Clock;
  #next: Scheduled | undefined;
  #nextAt = 0;
  #isBusy = false;
  #isAsked = false;
  #isClosed = false;
  #attempts = 0;
  #lastAttempt = 0;

  constructor(
    file: string,
    name: string,
    check: (isClosed: () => boolean) => Promise<Found>,
    onWarning: (message: string) => void,
    clock: Clock,
  ) {
    this.#file = file;
    this.#name = name;
    this.#check = check;
    this.#onWarning = onWarning;
    this.#clock = clock;
  }

  /** The file may have changed. */
  changed(): void {
    if (this.#isClosed) return;
    if (this.#isBusy) this.#isAsked = true;
    else this.#lookIn(this.#delay());
  }

  close(): void {
    this.#isClosed = true;
    this.#next?.cancel();
  }

  /** Replaces what is scheduled for later. */
  #lookIn(delay: number): void {
    const at = this.#clock.now() + delay;
    if (this.#next && this.#nextAt <= at) return;
    this.#next?.cancel();
    this.#nextAt = at;
    this.#next = this.#clock.schedule(delay, () => void this.#look());
  }

  #delay(): number {
    const since = this.#clock.now() - this.#lastAttempt;
    if (since > this.#pause() + QUIET_MS) this.#attempts = 0;
    return Math.max(SETTLE_MS, this.#pause() - since);
  }

  #pause(): number {
    return this.#attempts === 0 ? 0 : FIRST_PAUSE_MS * 2 ** (this.#attempts - 1);
  }

  async #look(): Promise<void> {
    this.#next = undefined;
    this.#isBusy = true;
    this.#isAsked = false;
    let isShared = false;
    try {
      const found = await this.#check(() => this.#isClosed);
      if (found.state === 'rewritten') this.#putBack(found.by);
      isShared = found.isShared === true;
    } catch (error) {
      this.#failed(messageOf(error));
    }
    this.#isBusy = false;
    if (this.#isAsked) this.changed();
    else if (isShared && !this.#isClosed) this.#lookIn(SHARED_MS);
  }

  #putBack(by: string | undefined): void {
    this.#count();
    const who = by === undefined ? 'another program' : `another program ("${by}")`;
    if (this.#attempts === 1)
      this.#onWarning(
        `${who} has rewritten ${this.#file}: the tunnel's DNS servers are back in it`,
      );
    if (this.#attempts < MAX_ATTEMPTS) return;
    this.close();
    this.#onWarning(
      `${who} rewrites ${this.#file} again and again: giving up. Keep it from doing so, then run wg-ts down ${this.#name} and up again`,
    );
  }

  #failed(reason: string): void {
    this.#count();
    if (this.#attempts === 1) this.#onWarning(`cannot put DNS back into ${this.#file}: ${reason}`);
    if (this.#attempts >= MAX_ATTEMPTS) this.close();
    else this.#isAsked = true;
  }

  #count(): void {
    this.#attempts += 1;
    this.#lastAttempt = this.#clock.now();
  }
}

/**
 * Notices changes of a file: by its folder when it is replaced, and by itself when it is written in
 * place from another mount namespace, as Docker does.
 */
class FileNotices {
  readonly #onChange: () => void;
  readonly #path: string;
  #ofFolder: FSWatcher | undefined;
  #ofFile: FSWatcher | undefined;
  #polled: string | undefined;

  constructor(file: string, onChange: () => void) {
    this.#path = targetOf(file);
    this.#onChange = onChange;
    const { dir, base } = path.parse(this.#path);
    this.#ofFolder = this.#watch(dir, (name) => {
      if (name !== null && name !== base) return;
      // There may be another file under this name.
      this.#watchFile();
      onChange();
    });
    this.#watchFile();
  }

  close(): void {
    this.#ofFolder?.close();
    this.#ofFile?.close();
    if (this.#polled !== undefined) unwatchFile(this.#polled, this.#onChange);
  }

  #watchFile(): void {
    this.#ofFile?.close();
    this.#ofFile = this.#watch(this.#path, () => this.#onChange());
  }

  #watch(what: string, onChange: (name: string | null) => void): FSWatcher | undefined {
    try {
      const watcher = watch(what, { persistent: false }, (_event, name) => onChange(name));
      watcher.on('error', () => this.#poll());
      return watcher;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#poll();
      return undefined;
    }
  }

  #poll(): void {
    if (this.#polled !== undefined) return;
    this.#polled = this.#path;
    watchFile(this.#path, { interval: POLL_MS, persistent: false }, this.#onChange);
  }
}
