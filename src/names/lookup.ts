import type { Millis } from '../../protocol/dataplane.js';
import { Question, type QuestionOptions, type Transmission } from './question.js';

/** A lookup that takes longer has failed. */
export const LONGEST_LOOKUP: Millis = 12_000;
/** Time for the addresses of the other family when those of one are known. */
const GRACE: Millis = 1000;

export type LookupResult =
  | { readonly type: 'addresses'; readonly addresses: readonly string[] }
  | { readonly type: 'no such name' }
  | { readonly type: 'no answer' };

export interface LookupOptions extends QuestionOptions {
  /** The name as it may be meant, in the order of `candidatesOf`. */
  readonly candidates: readonly string[];
}

/**
 * The names to ask for when `host` is meant (resolv.conf(5)): without a final dot, the domains of `search`
 * are tried before or after the name itself.
 */
export function candidatesOf(
  host: string,
  { search, ndots }: { readonly search: readonly string[]; readonly ndots: number },
): string[] {
  if (host.endsWith('.')) return [host.slice(0, -1)];
  const searched = search.map((domain) => `${host}.${domain}`);
  const dots = host.split('.').length - 1;
  return [...new Set(dots >= ndots ? [host, ...searched] : [...searched, host])];
}

/** Both questions for the addresses of a name, without IO: time and randomness are arguments. */
export class Lookup {
  readonly #options: LookupOptions;
  readonly #end: Millis;
  #candidate = 0;
  #questions: readonly Question[] = [];
  #graceEnd: Millis = Number.POSITIVE_INFINITY;
  #result: LookupResult | undefined;

  constructor(now: Millis, options: LookupOptions) {
    this.#options = options;
    this.#end = now + LONGEST_LOOKUP;
    this.#ask(now);
    this.#conclude(now);
  }

  get result(): LookupResult | undefined {
    return this.#result;
  }

  /** What should be under way now: each is sent once, and given up when it is no longer here. */
  get transmissions(): readonly Transmission[] {
    if (this.#result) return [];
    return this.#questions.flatMap(({ transmission }) => transmission ?? []);
  }

  /** When `handleTimeout` is to be called. */
  get deadline(): Millis {
    const deadlines = this.transmissions.map(({ deadline }) => deadline);
    return Math.min(this.#end, this.#graceEnd, ...deadlines);
  }

  handleAnswer(now: Millis, transmission: Transmission, bytes: Uint8Array): void {
    for (const question of this.#questions) question.handleAnswer(now, transmission, bytes);
    this.#conclude(now);
  }

  handleFailure(now: Millis, transmission: Transmission): void {
    for (const question of this.#questions) question.handleFailure(now, transmission);
    this.#conclude(now);
  }

  handleTimeout(now: Millis): void {
    for (const question of this.#questions) question.handleTimeout(now);
    this.#conclude(now);
  }

  #ask(now: Millis): void {
    const name = this.#options.candidates[this.#candidate] ?? '';
    const types = ['AAAA', 'A'] as const;
    this.#questions = types.map((type) => new Question(name, type, now, this.#options));
    this.#graceEnd = Number.POSITIVE_INFINITY;
  }

  #conclude(now: Millis): void {
    while (!this.#result) {
      const results = this.#questions.map(({ result }) => result);
      const addresses = results.flatMap((one) => (one?.type === 'addresses' ? one.addresses : []));
      const isComplete = results.every((one) => one !== undefined);
      if (addresses.length > 0) {
        if (this.#graceEnd === Number.POSITIVE_INFINITY) this.#graceEnd = now + GRACE;
        if (!isComplete && now < Math.min(this.#graceEnd, this.#end)) return;
        this.#result = { type: 'addresses', addresses };
      } else if (now >= this.#end || results.some((one) => one?.type === 'no answer')) {
        // Of the other candidates none may be taken while it is open whether this one exists.
        if (!isComplete && now < this.#end) return;
        this.#result = { type: 'no answer' };
      } else if (!isComplete) {
        return;
      } else if (++this.#candidate < this.#options.candidates.length) {
        this.#ask(now);
      } else {
        this.#result = { type: 'no such name' };
      }
    }
  }
}
