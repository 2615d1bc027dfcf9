import { deepStrictEqual } from 'node:assert';
import { Console } from 'node:console';
import { PassThrough } from 'node:stream';
import { format, inspect } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import { describe, expect, it } from 'vitest';
import { constantTimeEquals, Secret } from '../../crypto/secret.js';
import { flipBit, pattern } from './support.js';

const TEXT = 'zq7Kwx2VhmJtYp9sLd4RfGu8NbEc3XaT';
const BYTES = new TextEncoder().encode(TEXT);

/** The first four bytes as text, hexadecimal, base64 and in lists of numbers. */
const TRACES = [
  TEXT.slice(0, 4),
  '7a71374b',
  '7a 71 37 4b',
  '7a, 71, 37, 4b',
  'enE3S',
  '122,113,55,75',
  '122, 113, 55, 75',
  '122\n',
];

function tracesIn(printed: string): string[] {
  const folded = printed.replace(/\s+/g, ' ');
  return TRACES.filter((trace) => printed.includes(trace) || folded.includes(trace));
}

function printedBy(use: (console: Console) => void): string {
  const stream = new PassThrough();
  use(new Console({ stdout: stream, stderr: stream }));
  return String(stream.read());
}

function thrownBy(run: () => unknown): Error {
  try {
    run();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}

describe('the detector of leaks', () => {
  it.each([
    ['text', TEXT],
    ['hexadecimal', Buffer.from(BYTES).toString('hex')],
    ['base64', Buffer.from(BYTES).toString('base64')],
    ['a Uint8Array', inspect(BYTES)],
    ['a Buffer', inspect(Buffer.from(BYTES))],
    ['JSON', JSON.stringify({ ...BYTES }).replace(/"\d+":/g, '')],
    ['a memory dump', inspect(BYTES.buffer)],
    ['a v8 message', Buffer.from(serialize(BYTES)).toString('latin1')],
  ])('sees %s', (_name, printed) => {
    expect(tracesIn(printed)).not.toEqual([]);
  });
});

describe('a Secret', () => {
  const secret = Secret.copyOf(BYTES);
  // As a plain value, so that the compiler allows every abuse below.
  const value = secret as unknown as string & number;
  const deep = { showHidden: true, depth: null, getters: true, showProxy: true };

  const redacted: [string, () => string][] = [
    ['String()', () => String(secret)],
    ['toString()', () => secret.toString()],
    ['toLocaleString()', () => secret.toLocaleString()],
    ['a template', () => `${secret}`],
    ["+ ''", () => concatenated(value, '')],
    ['+ text', () => concatenated('key: ', value)],
    ['join()', () => [secret, secret].join()],
    ['an object key', () => Object.keys({ [value]: 1 }).join()],
    ['JSON.stringify()', () => JSON.stringify(secret)],
    ['JSON.stringify() of a holder', () => JSON.stringify({ peers: [{ psk: secret }] })],
    ['inspect()', () => inspect(secret)],
    ['inspect() of a holder', () => inspect({ a: { b: { c: { secret } } } }, { depth: null })],
    ['inspect() of a Map', () => inspect(new Map([[secret, secret]]), deep)],
    ['inspect() of all', () => inspect(secret, deep)],
    ['format(%s)', () => format('%s', secret)],
    ['format(%o)', () => format('%o', secret)],
    ['format(%O)', () => format('%O', secret)],
    ['format(%j)', () => format('%j', secret)],
    ['format()', () => format(secret)],
    ['console.log()', () => printedBy((console) => console.log(secret, { secret }))],
    ['console.error()', () => printedBy((console) => console.error('%s', secret))],
    ['an error message', () => inspect(new Error(`bad key ${secret}`))],
    ['an error cause', () => inspect(new Error('bad key', { cause: secret }), deep)],
  ];
  it.each(redacted)('is redacted by %s', (_name, print) => {
    const printed = print();
    expect(printed).toContain('redacted');
    expect(tracesIn(printed)).toEqual([]);
  });

  const silent: [string, () => string][] = [
    ['inspect() without custom', () => inspect(secret, { ...deep, customInspect: false })],
    ['inspect() of a Proxy', () => inspect(new Proxy(secret, {}), deep)],
    [
      'inspect() of a Proxy without custom',
      () => inspect(new Proxy(secret, {}), { ...deep, customInspect: false }),
    ],
    ['format(%d %i %f)', () => format('%d %i %f', secret, secret, secret)],
    ['Number()', () => String(Number(value))],
    ['console.dir()', () => printedBy((console) => console.dir(secret, deep))],
    ['console.table()', () => printedBy((console) => console.table([secret]))],
    ['own keys', () => Reflect.ownKeys(secret).map(String).join()],
    ['Object.entries()', () => inspect(Object.entries(secret))],
    ['own descriptors', () => inspect(Object.getOwnPropertyDescriptors(secret), deep)],
    ['for in', () => forIn(secret).join()],
    ['spread', () => inspect({ ...secret }, deep)],
    ['Object.assign()', () => JSON.stringify(Object.assign({}, secret))],
    ['structuredClone()', () => inspect(structuredClone(secret), deep)],
    ['v8.serialize()', () => Buffer.from(serialize(secret)).toString('latin1')],
    ['v8.deserialize()', () => inspect(deserialize(serialize({ secret })), deep)],
    ['a failed assertion', () => thrownBy(() => deepStrictEqual(secret, BYTES.length)).message],
    ['iteration', () => thrownBy(() => [...value]).message],
    ['a call', () => thrownBy(() => (secret as unknown as () => void)()).message],
    ['a bigint', () => thrownBy(() => BigInt(value)).message],
    [
      'a foreign receiver',
      () => thrownBy(() => Secret.prototype.expose.call({} as Secret)).message,
    ],
  ];
  it.each(silent)('leaks nothing through %s', (_name, print) => {
    expect(tracesIn(print())).toEqual([]);
  });

  it('has no own properties at all', () => {
    expect(Reflect.ownKeys(secret)).toEqual([]);
    expect(Reflect.ownKeys(structuredClone(secret))).toEqual([]);
  });
});

function concatenated(a: string, b: string): string {
  return a + b;
}

function forIn(value: object): string[] {
  const keys: string[] = [];
  for (const key in value) keys.push(key);
  return keys;
}

describe('the bytes of a Secret', () => {
  it('are a copy of the given ones, or the given ones themselves', () => {
    const mine = pattern(32, 1);
    const copy = Secret.copyOf(mine);
    const taken = Secret.take(mine);
    expect(copy.expose()).not.toBe(mine);
    expect(copy.expose()).toEqual(mine);
    expect(taken.expose()).toBe(mine);
    expect(copy.length).toBe(32);
  });

  it('are overwritten by zero(), after which they are refused', () => {
    const mine = pattern(32, 1);
    const secret = Secret.take(mine);
    expect(secret.isZeroed).toBe(false);
    secret.zero();
    secret.zero();
    expect(mine).toEqual(new Uint8Array(32));
    expect(secret.isZeroed).toBe(true);
    expect(secret.length).toBe(32);
    expect(() => secret.expose()).toThrow('zeroed');
    expect(() => secret.equals(Secret.copyOf(mine))).toThrow('zeroed');
    expect(() => Secret.copyOf(mine).equals(secret)).toThrow('zeroed');
  });

  it('are overwritten at the end of a using block', () => {
    const mine = pattern(32, 1);
    {
      using secret = Secret.take(mine);
      expect(secret.isZeroed).toBe(false);
    }
    expect(mine).toEqual(new Uint8Array(32));
  });

  it('are compared by content and length', () => {
    const secret = Secret.copyOf(BYTES);
    expect(secret.equals(Secret.copyOf(BYTES))).toBe(true);
    for (let bit = 0; bit < BYTES.length * 8; bit++) {
      expect(secret.equals(Secret.take(flipBit(BYTES, bit)))).toBe(false);
    }
    expect(secret.equals(Secret.copyOf(BYTES.subarray(1)))).toBe(false);
    expect(secret.equals(Secret.copyOf(new Uint8Array()))).toBe(false);
  });
});

describe('constantTimeEquals', () => {
  it('compares content and length', () => {
    expect(constantTimeEquals(pattern(16), pattern(16))).toBe(true);
    expect(constantTimeEquals(new Uint8Array(), new Uint8Array())).toBe(true);
    expect(constantTimeEquals(pattern(16), pattern(17))).toBe(false);
    expect(constantTimeEquals(pattern(17), pattern(16))).toBe(false);
    for (let bit = 0; bit < 128; bit++) {
      expect(constantTimeEquals(pattern(16), flipBit(pattern(16), bit))).toBe(false);
    }
  });
});
