import type { Millis } from '../../../protocol/dataplane.js';
import type { Clock } from '../../../system/clock.js';
import { messageOf } from '../../../system/errors.js';
import type { Logger } from '../../logger.js';
import { type Resolver, resolveAddresses } from './resolve.js';

/** A lookup that takes longer has failed; a later result is still used. */
const LOOKUP_TIMEOUT: Millis = 15_000;
/** Pause between two lookups of a name that does not help; doubled each time. */
const FIRST_PAUSE: Millis = 10_000;
const LONGEST_PAUSE: Millis = 300_000;

interface Name {
  isAsking: boolean;
  isFailing: boolean;
  pause: Millis;
  notBefore: Millis;
}

export interface LookupsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly resolver?: Resolver;
  /** Called with canonical text, at least one address, the preferred one first. */
  readonly onAnswer: (host: string, addresses: readonly string[]) => void;
  /** Returns whether a name whose lookup has failed is to be looked up again after its pause. */
  readonly isMissing?: (host: string) => boolean;
}

/**
 * Looks names up again while the tunnel runs. There is one lookup per name at a time, the pauses after
 * lookups that do not help grow, and only the first of a series of failures is logged as a warning.
 */
export class Lookups {
  readonly #options: LookupsOptions;
  readonly #names = new Map<string, Name>();
  readonly #timers = new Set<{ cancel(): void }>();
  #isClosed = false;

  constructor(options: LookupsOptions) {
    this.#options = options;
  }

  /** Starts a lookup unless one is running, or the last one was too recent and `isForced` is false. */
  ask(host: string, isForced = false): void {
    const name = this.#nameOf(host);
    const now = this.#options.clock.now();
    if (this.#isClosed || name.isAsking || (!isForced && now < name.notBefore)) return;
    name.isAsking = true;
    name.notBefore = now + name.pause;
    name.pause = Math.min(name.pause * 2, LONGEST_PAUSE);
    void this.#lookUp(host, name);
  }

  /** Looks up a name that a peer has no address without; that it has failed was logged before. */
  askMissing(host: string): void {
    this.#nameOf(host).isFailing = true;
    this.ask(host);
  }

  /** The peer has answered: when it stops answering, its name is looked up at once. */
  settled(host: string): void {
    const name = this.#nameOf(host);
    name.pause = FIRST_PAUSE;
    name.notBefore = Number.NEGATIVE_INFINITY;
  }

  /** Ends all lookups; results that still arrive are ignored. */
  close(): void {
    this.#isClosed = true;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  async #lookUp(host: string, name: Name): Promise<void> {
    const { clock, resolver, onAnswer } = this.#options;
    const timer = clock.schedule(LOOKUP_TIMEOUT, () => {
      this.#timers.delete(timer);
      name.isAsking = false;
      this.#failed(host, name, 'no answer');
    });
    this.#timers.add(timer);
    const end = (): boolean => {
      timer.cancel();
      if (this.#timers.delete(timer)) name.isAsking = false;
      return !this.#isClosed;
    };
    try {
      const options = { retries: 0, ...(resolver && { resolver }) };
      const endpoints = await resolveAddresses({ host, port: 1 }, options);
      if (!end()) return;
      this.#answered(host, name);
      onAnswer(
        host,
        endpoints.map(({ address }) => address),
      );
    } catch (error) {
      if (end()) this.#failed(host, name, messageOf(error));
    }
  }

  #nameOf(host: string): Name {
    const known = this.#names.get(host);
    if (known) return known;
    const name = {
      isAsking: false,
      isFailing: false,
      pause: FIRST_PAUSE,
      notBefore: Number.NEGATIVE_INFINITY,
    };
    this.#names.set(host, name);
    return name;
  }

  #answered(host: string, name: Name): void {
    if (name.isFailing) this.#options.logger.info(`${host} can be resolved now`);
    name.isFailing = false;
  }

  #failed(host: string, name: Name, reason: string): void {
    const { logger } = this.#options;
    const message = `looking ${host} up again: ${reason}`;
    if (name.isFailing) logger.debug(message);
    else logger.warn(message);
    name.isFailing = true;
    this.#askLater(host, name);
  }

  #askLater(host: string, name: Name): void {
    const { clock, isMissing } = this.#options;
    if (!isMissing?.(host)) return;
    const delay = Math.max(1, name.notBefore - clock.now());
    const timer = clock.schedule(delay, () => {
      this.#timers.delete(timer);
      if (isMissing(host)) this.ask(host);
    });
    this.#timers.add(timer);
  }
}
