import { RATE_LIMIT_BURST, RATE_LIMIT_PER_SECOND, RATE_LIMIT_SOURCES } from './constants.js';
import type { Millis } from './dataplane.js';
import { parseIp } from './ip.js';

export interface RateLimiterOptions {
  readonly perSecond?: number;
  readonly burst?: number;
  /** The greatest number of sources remembered at once; beyond it new ones are refused. */
  readonly maxSources?: number;
}

/** An IPv4 address, or the upper half of an IPv6 address. */
type Source = number | bigint;

/**
 * A token bucket per source (section 5.3). A bucket is one number, the time at which it will be
 * full. Full buckets need no memory. The bucket used last is last in the map, so the buckets to
 * forget are at its front.
 */
export class RateLimiter {
  readonly #cost: Millis;
  readonly #depth: Millis;
  readonly #maxSources: number;
  readonly #fullAt: Map<Source, Millis> = new Map();

  constructor(options: RateLimiterOptions = {}) {
    this.#cost = 1000 / (options.perSecond ?? RATE_LIMIT_PER_SECOND);
    this.#depth = this.#cost * (options.burst ?? RATE_LIMIT_BURST);
    this.#maxSources = options.maxSources ?? RATE_LIMIT_SOURCES;
  }

  /** The number of sources remembered. */
  get size(): number {
    return this.#fullAt.size;
  }

  /** Takes a token from the source of `address`. Returns false when none is left, or for no IP address. */
  allow(address: string, now: Millis): boolean {
    this.#forgetFull(now);
    const source = sourceOf(address);
    if (source === undefined) return false;
    const known = this.#fullAt.get(source);
    if (known === undefined && this.#fullAt.size >= this.#maxSources) return false;
    const fullAt = Math.max(known ?? now, now) + this.#cost;
    if (fullAt - now > this.#depth) return false;
    this.#fullAt.delete(source);
    this.#fullAt.set(source, fullAt);
    return true;
  }

  #forgetFull(now: Millis): void {
    for (const [source, fullAt] of this.#fullAt) {
      if (fullAt > now) return;
      this.#fullAt.delete(source);
    }
  }
}

function sourceOf(address: string): Source | undefined {
  const bytes = parseIp(address);
  if (!bytes) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length === 4) return view.getUint32(0);
  // An IPv4 sender as a dual-stack socket shows it: otherwise all of IPv4 would be one source.
  const isMapped = view.getBigUint64(0) === 0n && view.getUint32(8) === 0xffff;
  return isMapped ? view.getUint32(12) : view.getBigUint64(0);
}
