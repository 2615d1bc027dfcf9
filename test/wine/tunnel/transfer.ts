import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ipPacket } from '../../support/packets.js';

const POOL_BYTES = 1024 * 1024;
const PAYLOAD_BYTES = 1380;
const IPV4_HEADER = 20;
/** Packets under way: fewer than any queue between the ends holds. */
const WINDOW = 192;
const RESEND_AFTER_MS = 400;

export interface Way {
  readonly from: string;
  readonly to: string;
  send(packet: Uint8Array): void;
}

/** `bytes` of random data through a tunnel, in packets of which each is checked byte by byte. */
export class Transfer {
  readonly #pool = randomBytes(POOL_BYTES + PAYLOAD_BYTES);
  readonly #count: number;
  readonly #way: Way;
  readonly #arrived: Uint8Array;
  #missing: number;
  #next = 0;
  #underWay = 0;
  #wrong = 0;
  #progressAt = 0;

  constructor(bytes: number, way: Way) {
    this.#count = Math.ceil(bytes / PAYLOAD_BYTES);
    this.#missing = this.#count;
    this.#arrived = new Uint8Array(this.#count);
    this.#way = way;
  }

  /** A packet came out of the other end. */
  received(packet: Uint8Array): void {
    const payload = packet.subarray(IPV4_HEADER);
    const number = new DataView(payload.buffer, payload.byteOffset).getUint32(0);
    if (number >= this.#count || Buffer.compare(payload, this.#payload(number)) !== 0) {
      this.#wrong++;
      return;
    }
    if (this.#arrived[number] === 1) return;
    this.#arrived[number] = 1;
    this.#missing--;
    this.#underWay--;
    this.#progressAt = performance.now();
    this.#fill();
  }

  /** Resolves to bytes a second. Throws when it is not complete in time, or anything came changed. */
  async run(limitMs: number): Promise<number> {
    const start = performance.now();
    this.#progressAt = start;
    this.#fill();
    while (this.#missing > 0 && performance.now() - start < limitMs) {
      await sleep(20);
      if (performance.now() - this.#progressAt > RESEND_AFTER_MS) this.#resend();
    }
    if (this.#wrong > 0) throw new Error(`${this.#wrong} packets came changed`);
    if (this.#missing > 0)
      throw new Error(`${this.#missing} of ${this.#count} packets did not come in ${limitMs} ms`);
    return (this.#count * PAYLOAD_BYTES * 1000) / (performance.now() - start);
  }

  #fill(): void {
    while (this.#underWay < WINDOW && this.#next < this.#count) {
      this.#underWay++;
      this.#send(this.#next++);
    }
  }

  #resend(): void {
    this.#progressAt = performance.now();
    for (let number = 0; number < this.#next; number++)
      if (this.#arrived[number] === 0) this.#send(number);
  }

  #send(number: number): void {
    const { from, to } = this.#way;
    this.#way.send(ipPacket(from, to, this.#payload(number)));
  }

  #payload(number: number): Uint8Array {
    const start = (number * 4099) % POOL_BYTES;
    const payload = new Uint8Array(this.#pool.subarray(start, start + PAYLOAD_BYTES));
    new DataView(payload.buffer).setUint32(0, number);
    return payload;
  }
}
