import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { checkedRandom } from '../../src/tunnel/random.js';
import { MemoryLogger, newKeys, nextTurn, VirtualClock } from '../src/support.js';
import { ipPacket, payloadText } from '../support/packets.js';
import { Prng } from '../support/prng.js';
import { waitFor } from '../support/waiting.js';
import { A_PORT, B_PORT, type End, type EndKeys, openA, openB, pass, Wire } from './support.js';

const toB = (text: string): Uint8Array => ipPacket('10.9.0.1', '10.9.0.2', text);

const ends: End[] = [];
const logger = new MemoryLogger();

afterEach(async () => {
  await Promise.all(ends.splice(0).map(({ tunnel }) => tunnel.close()));
});

/** Two handshakes, the second one two minutes later; all that went over the wire, in hexadecimal. */
async function run(keys: EndKeys, seed: number): Promise<string[]> {
  const clock = new VirtualClock();
  const wire = new Wire();
  const seeded = (offset: number) => {
    const prng = new Prng(seed + offset);
    return (length: number): Uint8Array => prng.bytes(length);
  };
  const options = { clock, logger };
  const b = await openB(keys, { ...options, transport: wire.open(B_PORT), random: seeded(1) });
  const a = await openA(keys, { ...options, transport: wire.open(A_PORT), random: seeded(0) });
  ends.push(a, b);
  for (const text of ['before', 'after']) {
    a.tun.inject(toB(text));
    await waitFor(() => expect(b.tun.received.map(payloadText)).toContain(text));
    await pass(clock, 121_000);
  }
  return wire.sent.map(({ from, bytes }) => `${from} ${Buffer.from(bytes).toString('hex')}`);
}

const isHandshake = (sent: string): boolean => /^\d+ 0[123]/.test(sent);

describe('a tunnel', () => {
  it('with the same randomness and time sends the same, to the byte', async () => {
    const keys = { a: newKeys(), b: newKeys() };
    const first = await run(keys, 7);
    const second = await run(keys, 7);
    expect(first.filter(isHandshake).length).toBeGreaterThanOrEqual(4);
    expect(second).toEqual(first);
    const other = await run(keys, 100);
    expect(other.filter(isHandshake)).toHaveLength(first.filter(isHandshake).length);
    // Neither of ephemeral keys nor of indices is anything the same.
    const handshakes = new Set(first.filter(isHandshake));
    expect(other.filter(isHandshake).filter((sent) => handshakes.has(sent))).toEqual([]);
    const indices = new Set(first.filter(isHandshake).map((sent) => sent.slice(13, 21)));
    expect(other.filter(isHandshake).some((sent) => indices.has(sent.slice(13, 21)))).toBe(false);
  });

  it('ends with an error when randomness fails while it runs, and sends good bytes until then', async () => {
    const keys = { a: newKeys(), b: newKeys() };
    const [wire, own] = [new Wire(), new MemoryLogger()];
    let isGood = true;
    const random = (length: number): Uint8Array => (isGood ? randomBytes(length) : Buffer.alloc(1));
    ends.push(await openB(keys, { logger, transport: wire.open(B_PORT) }));
    const a = await openA(keys, { logger: own, transport: wire.open(A_PORT), random });
    ends.push(a);
    isGood = false;
    a.tun.inject(toB('fails'));
    const error = await a.tunnel.closed;
    expect(error).toMatchObject({
      code: 'ERR_USAGE',
      message: expect.stringMatching(/^random returns 1 bytes instead of (4|32)$/),
    });
    const ephemeral = wire.sent[0]?.bytes.subarray(8, 40);
    expect(new Set(ephemeral).size).toBeGreaterThan(8);
  });

  it('ends with an error, not an exception, when randomness is stuck', async () => {
    const keys = { a: newKeys(), b: newKeys() };
    const [clock, wire] = [new VirtualClock(), new Wire()];
    const random = (length: number): Uint8Array => new Uint8Array(length).fill(5);
    const b = await openB(keys, { clock, logger, transport: wire.open(B_PORT) });
    const a = await openA(keys, { clock, logger, transport: wire.open(A_PORT), random });
    ends.push(a, b);
    for (const text of ['first session', 'its renewal']) {
      a.tun.inject(toB(text));
      await waitFor(() => expect(b.tun.received.map(payloadText)).toContain(text));
      await pass(clock, 121_000);
    }
    expect(await a.tunnel.closed).toMatchObject({
      code: 'ERR_USAGE',
      message: 'random returns the same bytes again and again',
    });
  });

  it.each<[string, unknown, RegExp]>([
    ['too short', () => new Uint8Array(31), /31 bytes instead of 32/],
    ['too long', () => new Uint8Array(33), /33 bytes instead of 32/],
    ['a promise', async () => new Uint8Array(32), /does not return a Uint8Array/],
    ['an array', () => Array(32).fill(1), /does not return a Uint8Array/],
    ['nothing', () => undefined, /does not return a Uint8Array/],
    [
      'an exception',
      () => {
        throw new Error('no entropy');
      },
      /random throws: no entropy/,
    ],
  ])('is refused when random gives %s', async (_, random, message) => {
    const transport = new Wire().open(A_PORT);
    const options = { transport, logger, random: random as (length: number) => Uint8Array };
    const opening = openA({ a: newKeys(), b: newKeys() }, options);
    await expect(opening).rejects.toMatchObject({
      code: 'ERR_USAGE',
      message: expect.stringMatching(message),
    });
    expect(transport.closes).toBe(1);
  });
});

describe('checkedRandom', () => {
  it('copies, so a buffer that is used again or zeroed does no harm', () => {
    const buffer = new Uint8Array(32).fill(7);
    const random = checkedRandom(
      () => buffer,
      () => undefined,
    );
    const bytes = random(32);
    expect(bytes).toEqual(buffer);
    buffer.fill(0);
    expect(bytes).toEqual(new Uint8Array(32).fill(7));
    bytes.fill(9);
    expect(buffer).toEqual(new Uint8Array(32));
  });

  it('replaces a source that gives the same index forever, and says so once', async () => {
    const errors: Error[] = [];
    const random = checkedRandom(
      (length) => new Uint8Array(length).fill(5),
      (error) => errors.push(error),
    );
    const indices = new Set<string>();
    for (let i = 0; i < 20; i++) indices.add(Buffer.from(random(4)).toString('hex'));
    expect(indices.size).toBeGreaterThan(10);
    expect(errors).toEqual([]);
    await nextTurn();
    expect(errors.map(({ message }) => message)).toEqual([
      'random returns the same bytes again and again',
    ]);
  });

  it('is the system’s without a source of the program’s own', () => {
    const random = checkedRandom(undefined, () => undefined);
    expect(random(32)).toHaveLength(32);
    expect(random(32)).not.toEqual(random(32));
  });
});
