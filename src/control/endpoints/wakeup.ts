/**
 * Notices when the machine's network has changed or it has slept, so that peers reconnect without
 * delay.
 */

import { watchNetworkChanges } from '../../../network/open.js';
import type { NetworkChange } from '../../../network/ways.js';
import type { Millis } from '../../../protocol/dataplane.js';
import type { Clock } from '../../../system/clock.js';
import { messageOf } from '../../../system/errors.js';
import { watchClockJumps } from '../../../system/linux/suspend.js';
import type { Logger } from '../../logger.js';

/** Changes come in bursts: a burst is over when nothing has changed for this long. */
const QUIET: Millis = 250;
/** A longer burst is not waited for. */
const LONGEST_BURST: Millis = 2000;
/** Sleep after which a handshake is worthwhile. */
const SLEPT: Millis = 3000;
/** How often to check for time jumps where the system sends no event. */
const TICK: Millis = 5000;

export type WakeupReason = 'the network has changed' | 'the machine has slept';

export interface Wakeups {
  /** Idempotent. */
  close(): void;
}

/**
 * Each function starts watching and returns a handle to end it, or undefined where the system cannot
 * watch.
 */
export interface WakeupSources {
  network(onChange: (change: NetworkChange) => void): Wakeups | undefined;
  clockJumps(onJump: () => void): Wakeups | undefined;
  /** Milliseconds without the time that the machine slept. */
  awake(): Millis;
}

export interface WakeupOptions {
  /** The tunnel's own interface, whose changes are ignored. */
  readonly interfaceName: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called with each change of the network, at once. */
  readonly onChange?: (change: NetworkChange) => void;
  /** Called after a burst of changes. After one in which the machine has slept, that is the reason. */
  readonly onWakeup: (reason: WakeupReason) => void;
  readonly sources?: WakeupSources;
}

/** Never throws: what the system cannot report is not watched. */
export function watchWakeups(options: WakeupOptions): Wakeups {
  return new WakeupWatch(options);
}

class WakeupWatch implements Wakeups {
  readonly #options: WakeupOptions;
  readonly #sources: WakeupSources;
  readonly #watched: (Wakeups | undefined)[] = [];
  #tick: { cancel(): void } | undefined;
  #burst:
    | { readonly since: Millis; readonly reason: WakeupReason; timer: { cancel(): void } }
    | undefined;
  #asleep: Millis;
  #isClosed = false;

  constructor(options: WakeupOptions) {
    this.#options = options;
    this.#sources = options.sources ?? systemSources(options.interfaceName);
    this.#asleep = this.#sleptSoFar();
    this.#start(({ network }) =>
      network((change) => {
        if (this.#isClosed) return;
        options.onChange?.(change);
        this.#suspect('the network has changed');
      }),
    );
    const jumps = this.#start(({ clockJumps }) => clockJumps(() => this.#lookForSleep()));
    if (!jumps) this.#lookAgain();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#tick?.cancel();
    this.#burst?.timer.cancel();
    for (const watched of this.#watched) watched?.close();
  }

  #start(open: (sources: WakeupSources) => Wakeups | undefined): Wakeups | undefined {
    try {
      const watched = open(this.#sources);
      this.#watched.push(watched);
      return watched;
    } catch (error) {
      const reason = messageOf(error);
      this.#options.logger.debug(`changes of the network are not followed: ${reason}`);
      return undefined;
    }
  }

  #sleptSoFar(): Millis {
    return this.#options.clock.now() - this.#sources.awake();
  }

  #lookAgain(): void {
    const { clock } = this.#options;
    const due = clock.now() + TICK;
    this.#tick = clock.schedule(TICK, () => {
      // Does not use `awake`, which on Windows may include sleep.
      if (clock.now() - due > SLEPT) this.#suspect('the machine has slept');
      this.#lookAgain();
    });
  }

  #lookForSleep(): void {
    const asleep = this.#sleptSoFar();
    const slept = asleep - this.#asleep;
    this.#asleep = asleep;
    if (slept > SLEPT) this.#suspect('the machine has slept');
  }

  #suspect(suspected: WakeupReason): void {
    if (this.#isClosed) return;
    const { clock, onWakeup } = this.#options;
    const now = clock.now();
    const hasSlept = this.#burst?.reason === 'the machine has slept';
    const reason = hasSlept ? 'the machine has slept' : suspected;
    const since = this.#burst?.since ?? now;
    this.#burst?.timer.cancel();
    const delay = Math.max(0, Math.min(QUIET, since + LONGEST_BURST - now));
    const timer = clock.schedule(delay, () => {
      this.#burst = undefined;
      if (!this.#isClosed) onWakeup(reason);
    });
    this.#burst = { since, reason, timer };
  }
}

function systemSources(interfaceName: string): WakeupSources {
  return {
    network: (onChange) => watchNetworkChanges(interfaceName, onChange),
    clockJumps: watchClockJumps,
    awake: () => performance.now(),
  };
}
