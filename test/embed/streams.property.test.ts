/** Whatever the host does to a stream of packets, in whichever order: nothing breaks, nothing is lost. */
import { Duplex, Writable } from 'node:stream';
import { WritableStream } from 'node:stream/web';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryTunPair } from '../../tun/memory.js';
import { packetStream } from '../../tun/stream/packetstream.js';
import { tunFromStream } from '../../tun/stream/streamtun.js';
import { nextTurn } from '../src/support.js';

const CAPACITY = 200;

type Step =
  | { readonly do: 'give' | 'take'; readonly count: number }
  | { readonly do: 'turn' | 'endReading' | 'breakStream' | 'destroy' | 'close' | 'hold' | 'letGo' };

const packets = (name: 'give' | 'take'): fc.Arbitrary<Step> =>
  fc.record({ do: fc.constant(name), count: fc.integer({ min: 1, max: 120 }) });

/** Mostly packets, with the ends among them rare enough that something happens before. */
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: packets('give') },
  { weight: 6, arbitrary: packets('take') },
  { weight: 6, arbitrary: fc.constant<Step>({ do: 'turn' }) },
  { weight: 2, arbitrary: fc.constantFrom<Step>({ do: 'hold' }, { do: 'letGo' }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Step>(
      { do: 'endReading' },
      { do: 'breakStream' },
      { do: 'destroy' },
      { do: 'close' },
    ),
  },
);

const packet = (n: number): Uint8Array => Uint8Array.of(0x45, n >> 16, n >> 8, n);
const numberOf = (bytes: Uint8Array): number =>
  ((bytes[1] as number) << 16) | ((bytes[2] as number) << 8) | (bytes[3] as number);

interface Host {
  readonly stream: Parameters<typeof tunFromStream>[0];
  give(bytes: Uint8Array): void;
  readonly taken: number[];
  endReading(): void;
  break(error: Error): void;
  destroy(): void;
  hold(isHeld: boolean): void;
}

class HeldBack {
  readonly taken: number[] = [];
  #isHeld = false;
  #release: (() => void) | undefined;

  take(bytes: Uint8Array, done: () => void): void {
    const go = (): void => {
      this.taken.push(numberOf(bytes));
      done();
    };
    if (this.#isHeld) this.#release = go;
    else go();
  }

  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    if (isHeld) return;
    const release = this.#release;
    this.#release = undefined;
    release?.();
  }
}

function duplexHost(): Host {
  const held = new HeldBack();
  const duplex = new Duplex({
    objectMode: true,
    read() {},
    write: (bytes: Uint8Array, _, done) => held.take(bytes, done),
  });
  let isEnded = false;
  return {
    stream: duplex,
    taken: held.taken,
    give: (bytes) => void (isEnded || duplex.push(bytes)),
    endReading() {
      if (!isEnded) duplex.push(null);
      isEnded = true;
    },
    break: (error) => void duplex.destroy(error),
    destroy: () => void duplex.destroy(),
    hold: (isHeld) => held.hold(isHeld),
  };
}

/** Its readable half gives what there is, and waits for more. */
function iterableHost(isWeb: boolean): Host {
  const held = new HeldBack();
  const queue: (Uint8Array | Error | undefined)[] = [];
  let wake = (): void => undefined;
  const put = (item: Uint8Array | Error | undefined): void => {
    queue.push(item);
    wake();
  };
  const readable = (async function* (): AsyncGenerator<Uint8Array> {
    for (;;) {
      while (queue.length === 0)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      const item = queue.shift();
      if (item === undefined) return;
      if (item instanceof Error) throw item;
      yield item;
    }
  })();
  const node = new Writable({
    objectMode: true,
    write: (bytes: Uint8Array, _, done) => held.take(bytes, done),
  });
  let controller: WritableStreamDefaultController | undefined;
  const web = new WritableStream<Uint8Array>({
    start(given) {
      controller = given;
    },
    write: (bytes) => new Promise<void>((resolve) => held.take(bytes, resolve)),
  });
  return {
    stream: { readable, writable: isWeb ? web : node },
    taken: held.taken,
    give: put,
    endReading: () => put(undefined),
    break: put,
    destroy: () => void (isWeb ? controller?.error(new Error('destroyed')) : node.destroy()),
    hold: (isHeld) => held.hold(isHeld),
  };
}

const uncaught: unknown[] = [];
const note = (error: unknown): void => void uncaught.push(error);

beforeAll(() => {
  process.on('uncaughtException', note);
  process.on('unhandledRejection', note);
});

afterAll(() => {
  process.off('uncaughtException', note);
  process.off('unhandledRejection', note);
});

function isIncreasing(numbers: readonly number[]): boolean {
  return numbers.every((n, i) => i === 0 || n > (numbers[i - 1] as number));
}

async function settle(): Promise<void> {
  for (let i = 0; i < 100; i++) await nextTurn();
}

interface Play {
  readonly given: number;
  readonly received: readonly number[];
  readonly accepted: readonly number[];
  readonly taken: readonly number[];
  readonly errors: readonly Error[];
  readonly dropped: number;
  readonly refused: number;
  readonly isOver: boolean;
  /** How many packets of the host were read by nobody at the most. */
  readonly mostGiven: number;
}

async function play(host: Host, steps: readonly Step[]): Promise<Play> {
  const tun = tunFromStream(host.stream, { capacity: CAPACITY });
  const received: number[] = [];
  const accepted: number[] = [];
  const errors: Error[] = [];
  tun.start(
    (batch) => received.push(...batch.map(numberOf)),
    (error) => errors.push(error),
  );
  let [given, sent, refused, mostGiven] = [0, 0, 0, 0];
  const over = new Set<Step['do']>();
  for (const step of steps) {
    if (step.do === 'give') {
      for (let i = 0; i < step.count; i++) if (over.size === 0) host.give(packet(given++));
    } else if (step.do === 'take') {
      for (let i = 0; i < step.count; i++) {
        const n = sent++;
        if (tun.write(packet(n))) accepted.push(n);
        else refused++;
      }
    } else if (step.do === 'turn') await nextTurn();
    else if (step.do === 'hold' || step.do === 'letGo') host.hold(step.do === 'hold');
    else {
      over.add(step.do);
      if (step.do === 'endReading') host.endReading();
      else if (step.do === 'breakStream') host.break(new Error('broken'));
      else if (step.do === 'destroy') host.destroy();
      else tun.close();
    }
    mostGiven = Math.max(mostGiven, given - received.length);
  }
  host.hold(false);
  await settle();
  const isOver = [...over].some((what) => what !== 'endReading');
  const { dropped } = tun;
  tun.close();
  await settle();
  return {
    ...{ given, received, accepted, errors, dropped, refused, isOver, mostGiven },
    taken: host.taken,
  };
}

const hosts: readonly (readonly [string, () => Host])[] = [
  ['a Duplex', duplexHost],
  ['an iterable and a Writable', () => iterableHost(false)],
  ['an iterable and a WritableStream', () => iterableHost(true)],
];

describe.each(hosts)('%s', (name, makeHost) => {
  it('keeps order, loses nothing below its capacity, and never throws', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { isOver, ...seen } = await play(makeHost(), steps);
        expect(uncaught).toEqual([]);
        expect(isIncreasing(seen.received)).toBe(true);
        expect(seen.errors.length).toBeLessThanOrEqual(1);
        if (isOver) {
          // What was accepted before it broke arrives, up to where it broke.
          expect(seen.taken).toEqual(seen.accepted.slice(0, seen.taken.length));
          return;
        }
        expect(seen.errors).toEqual([]);
        expect(seen.taken).toEqual(seen.accepted);
        expect(seen.received.length + seen.dropped - seen.refused).toBe(seen.given);
        if (name !== 'a Duplex' || seen.mostGiven <= CAPACITY)
          expect(seen.received).toEqual(Array.from({ length: seen.given }, (_, i) => i));
      }),
      { numRuns: 150 },
    );
  });
});

describe('packetStream', () => {
  const hostStep: fc.Arbitrary<Step> = step;

  it('keeps order, loses nothing below its capacity, and never throws', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(hostStep, { maxLength: 40 }), async (steps) => {
        const [inside, outside] = memoryTunPair({ capacity: 10_000 });
        const stream = packetStream(inside);
        const errors: Error[] = [];
        const received: number[] = [];
        const arrived: number[] = [];
        stream.on('error', (error) => errors.push(error));
        stream.on('data', (bytes: Uint8Array) => received.push(numberOf(bytes)));
        outside.start(
          (batch) => arrived.push(...batch.map(numberOf)),
          (error) => errors.push(error),
        );
        let [given, sent] = [0, 0];
        let [isOver, isEnded] = [false, false];
        for (const step of steps) {
          if (step.do === 'give')
            for (let i = 0; i < step.count; i++) {
              if (!isOver) outside.write(packet(given++));
            }
          else if (step.do === 'take')
            for (let i = 0; i < step.count; i++) {
              if (!isOver && !isEnded) stream.write(packet(sent++));
            }
          else if (step.do === 'turn') await nextTurn();
          else if (step.do === 'hold') stream.pause();
          else if (step.do === 'letGo') stream.resume();
          else if (step.do === 'endReading') {
            isEnded = true;
            stream.end();
          } else {
            isOver = true;
            if (step.do === 'breakStream') inside.fail(new Error('broken'));
            else if (step.do === 'destroy') stream.destroy();
            else inside.close();
          }
        }
        stream.resume();
        for (let i = 0; i < 80; i++) await nextTurn();
        expect(uncaught).toEqual([]);
        expect(errors.length).toBeLessThanOrEqual(1);
        expect(isIncreasing(received) && isIncreasing(arrived)).toBe(true);
        if (!isOver) {
          expect(arrived).toHaveLength(sent);
          if (given <= 1024) expect(received).toHaveLength(given);
        }
        stream.destroy();
        outside.close();
        await nextTurn();
        expect(inside.closed).toBe(true);
      }),
      { numRuns: 150 },
    );
  });
});
