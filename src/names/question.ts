import type { Millis } from '../../protocol/dataplane.js';
import {
  type AddressType,
  encodeQuery,
  isQueryable,
  MOST_ALIASES,
  type Query,
  readAnswer,
} from './message.js';

/** How long a server may take, in the first and the second round. */
const PATIENCE: readonly [Millis, Millis] = [1500, 3000];
/** A connection has to be made first. */
const PATIENCE_TCP: Millis = 3000;

/** A query that is under way; its bytes are to be sent once. */
export interface Transmission {
  readonly server: string;
  readonly over: 'udp' | 'tcp';
  readonly query: Query;
  readonly bytes: Uint8Array;
  readonly deadline: Millis;
}

export type QuestionResult =
  | { readonly type: 'addresses'; readonly addresses: readonly string[] }
  | { readonly type: 'no such name' }
  /** No server has said whether the name exists. */
  | { readonly type: 'no answer' };

export interface QuestionOptions {
  /** IP addresses, the preferred one first. */
  readonly servers: readonly string[];
  /** Returns an unpredictable number from 0 to 65535. */
  readonly randomId: () => number;
}

/**
 * The addresses of one type of a name, asked of one server after the other, twice. A response that is cut
 * off is asked for again over TCP. Nothing is sent here: `transmission` says what should be under way.
 */
export class Question {
  readonly #type: AddressType;
  readonly #options: QuestionOptions;
  #name: string;
  #aliases = 0;
  #tries = 0;
  #transmission: Transmission | undefined;
  #result: QuestionResult | undefined;

  constructor(name: string, type: AddressType, now: Millis, options: QuestionOptions) {
    this.#name = name;
    this.#type = type;
    this.#options = options;
    if (isQueryable(name)) this.#ask(now);
    else this.#result = { type: 'no such name' };
  }

  /** Undefined once there is a result. */
  get transmission(): Transmission | undefined {
    return this.#transmission;
  }

  get result(): QuestionResult | undefined {
    return this.#result;
  }

  /** Bytes came from the server of `transmission`. What may be forged changes nothing. */
  handleAnswer(now: Millis, transmission: Transmission, bytes: Uint8Array): void {
    if (transmission !== this.#transmission) return;
    const answer = readAnswer(bytes, transmission.query);
    if (!answer) {
      // Only the server itself can have sent this.
      if (transmission.over === 'tcp') this.#askNext(now);
    } else if (answer.type === 'truncated') {
      if (transmission.over === 'udp') this.#send(now, transmission.server, 'tcp');
      else this.#askNext(now);
    } else if (answer.type === 'refused') {
      this.#askNext(now);
    } else if (answer.type === 'alias') {
      this.#follow(now, answer.name);
    } else {
      this.#end(answer);
    }
  }

  /** The server cannot be reached, or has closed the connection. */
  handleFailure(now: Millis, transmission: Transmission): void {
    if (transmission === this.#transmission) this.#askNext(now);
  }

  /** To be called at the deadline of `transmission`; early calls do nothing. */
  handleTimeout(now: Millis): void {
    if (this.#transmission && now >= this.#transmission.deadline) this.#askNext(now);
  }

  #follow(now: Millis, alias: string): void {
    this.#aliases++;
    this.#name = alias;
    if (this.#aliases > MOST_ALIASES) this.#end({ type: 'no such name' });
    else this.#ask(now);
  }

  #askNext(now: Millis): void {
    this.#tries++;
    this.#ask(now);
  }

  #ask(now: Millis): void {
    const { servers } = this.#options;
    const server = servers[this.#tries % servers.length];
    if (server === undefined || this.#tries >= servers.length * PATIENCE.length)
      this.#end({ type: 'no answer' });
    else this.#send(now, server, 'udp');
  }

  #send(now: Millis, server: string, over: 'udp' | 'tcp'): void {
    const query = { id: this.#options.randomId(), name: this.#name, type: this.#type };
    const isFirstRound = this.#tries < this.#options.servers.length;
    const patience = over === 'tcp' ? PATIENCE_TCP : PATIENCE[isFirstRound ? 0 : 1];
    const deadline = now + patience;
    this.#transmission = { server, over, query, bytes: encodeQuery(query), deadline };
  }

  #end(result: QuestionResult): void {
    this.#transmission = undefined;
    this.#result = result;
  }
}
