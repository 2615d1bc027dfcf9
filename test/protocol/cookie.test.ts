import { inspect } from 'node:util';
import { blake2s } from '@noble/hashes/blake2.js';
import { beforeEach, describe, expect, it } from 'vitest';
import { CookieChecker, CookieGenerator } from '../../protocol/cookie.js';
import {
  type CookieReply,
  decodeCookieReply,
  encodeInitiation,
  encodeResponse,
} from '../../protocol/messages.js';

const from = { address: '192.0.2.7', port: 51820 };
const publicKey = new Uint8Array(32).map((_, i) => i * 7);
const hex = (data: Uint8Array | undefined): string => Buffer.from(data ?? []).toString('hex');
const zeros = '00'.repeat(16);

let counter = 0;
let handedOut: Uint8Array[] = [];

/** Repeatable, and never twice the same. */
function random(length: number): Uint8Array {
  const bytes = new Uint8Array(length).map((_, i) => (i * 31 + ++counter * 17) & 0xff);
  handedOut.push(bytes);
  return bytes;
}

function initiation(sender = 0xc0ffee01): Uint8Array {
  return encodeInitiation({
    sender,
    ephemeral: random(32),
    encryptedStatic: random(48),
    encryptedTimestamp: random(28),
  });
}

function response(): Uint8Array {
  return encodeResponse({
    sender: 0xfeedface,
    receiver: 5,
    ephemeral: random(32),
    encryptedNothing: random(16),
  });
}

function decoded(reply: Uint8Array): CookieReply {
  const fields = decodeCookieReply(reply);
  if (!fields) throw new Error('not a cookie reply');
  return fields;
}

let checker: CookieChecker;
let generator: CookieGenerator;

beforeEach(() => {
  counter = 0;
  handedOut = [];
  checker = new CookieChecker(publicKey);
  generator = new CookieGenerator(publicKey);
});

/** Sends a message, is asked for a cookie at `now`, and takes it. */
function obtainCookie(now: number, source: typeof from = from): Uint8Array {
  const message = initiation();
  generator.addMacs(message, now);
  const reply = checker.createReply(message, source, now, random);
  expect(generator.consumeReply(decoded(reply), now)).toBe(true);
  return reply;
}

function nextMessage(now: number): Uint8Array {
  const message = initiation();
  generator.addMacs(message, now);
  return message;
}

describe('mac1', () => {
  it('is the keyed BLAKE2s of section 5.4.4', () => {
    for (const message of [initiation(), response()]) {
      generator.addMacs(message, 0);
      const key = blake2s(Buffer.concat([Buffer.from('mac1----'), publicKey]));
      const expected = blake2s(message.subarray(0, message.length - 32), { key, dkLen: 16 });
      expect(hex(message.subarray(-32, -16))).toBe(hex(expected));
      expect(hex(message.subarray(-16))).toBe(zeros);
    }
  });

  it('is good only for the key it was made for', () => {
    const message = nextMessage(0);
    expect(checker.checkMac1(message)).toBe(true);
    expect(new CookieChecker(random(32)).checkMac1(message)).toBe(false);
  });

  it('covers every byte before it', () => {
    for (const message of [initiation(), response()]) {
      generator.addMacs(message, 0);
      for (let i = 0; i < message.length - 16; i++) {
        message[i] = (message[i] ?? 0) ^ 1;
        expect(checker.checkMac1(message), `byte ${i}`).toBe(false);
        message[i] = (message[i] ?? 0) ^ 1;
      }
      expect(checker.checkMac1(message)).toBe(true);
    }
  });

  it('is refused in a message of another length', () => {
    expect(checker.checkMac1(new Uint8Array(0))).toBe(false);
    expect(checker.checkMac1(nextMessage(0).subarray(0, 147))).toBe(false);
  });
});

describe('a cookie', () => {
  it('makes mac2 good, in initiations and responses', () => {
    expect(checker.checkMac2(nextMessage(0), from, 0)).toBe(false);
    obtainCookie(0);
    expect(checker.checkMac2(nextMessage(1), from, 1)).toBe(true);
    const answer = response();
    generator.addMacs(answer, 1);
    expect(checker.checkMac1(answer)).toBe(true);
    expect(checker.checkMac2(answer, from, 1)).toBe(true);
  });

  it('is good for one source address and port', () => {
    obtainCookie(0);
    const message = nextMessage(1);
    expect(checker.checkMac2(message, { ...from, port: 51821 }, 1)).toBe(false);
    expect(checker.checkMac2(message, { ...from, port: 51820 ^ 0x100 }, 1)).toBe(false);
    expect(checker.checkMac2(message, { ...from, address: '192.0.2.8' }, 1)).toBe(false);
    expect(checker.checkMac2(message, { ...from, address: '2001:db8::7' }, 1)).toBe(false);
    expect(checker.checkMac2(message, from, 1)).toBe(true);
  });

  it('covers mac1 too', () => {
    obtainCookie(0);
    const message = nextMessage(1);
    message[120] = (message[120] ?? 0) ^ 1;
    expect(checker.checkMac2(message, from, 1)).toBe(false);
  });

  it('expires with the secret, 120 s after the secret was made', () => {
    obtainCookie(0);
    const message = nextMessage(1);
    expect(checker.checkMac2(message, from, 119_999)).toBe(true);
    expect(checker.checkMac2(message, from, 120_000)).toBe(false);
  });

  it('is used by its holder for 115 s', () => {
    obtainCookie(1_000);
    expect(hex(nextMessage(115_999).subarray(-16))).not.toBe(zeros);
    const late = nextMessage(116_000);
    expect(hex(late.subarray(-16))).toBe(zeros);
    expect(checker.checkMac1(late)).toBe(true);
  });

  it('overwrites a mac2 that is left in the buffer', () => {
    const message = initiation().fill(0xaa, 132);
    generator.addMacs(message, 0);
    expect(hex(message.subarray(-16))).toBe(zeros);
  });

  it('is forgotten by either side on request', () => {
    obtainCookie(0);
    const message = nextMessage(1);
    checker.zero();
    expect(checker.checkMac2(message, from, 1)).toBe(false);
    generator.zero();
    expect(hex(nextMessage(1).subarray(-16))).toBe(zeros);
  });
});

describe('a cookie reply', () => {
  it('goes to the sender index of the message', () => {
    const message = initiation(0xfffffffe);
    generator.addMacs(message, 0);
    const reply = checker.createReply(message, from, 0, random);
    expect(reply.length).toBe(64);
    expect(decoded(reply).receiver).toBe(0xfffffffe);
  });

  it('has a new nonce each time and the same cookie within the life of the secret', () => {
    const [first, second] = [obtainCookie(0), obtainCookie(60_000)];
    expect(hex(decoded(first).nonce)).not.toBe(hex(decoded(second).nonce));
    const message = nextMessage(60_001);
    generator = new CookieGenerator(publicKey);
    obtainCookie(60_001);
    expect(checker.checkMac2(message, from, 60_001)).toBe(true);
  });

  it('is accepted once', () => {
    const message = nextMessage(0);
    const reply = decoded(checker.createReply(message, from, 0, random));
    expect(generator.consumeReply(reply, 0)).toBe(true);
    expect(generator.consumeReply(reply, 100_000)).toBe(false);
    expect(hex(nextMessage(115_000).subarray(-16))).toBe(zeros);
  });

  it('is refused when nothing was sent', () => {
    const message = nextMessage(0);
    const reply = decoded(checker.createReply(message, from, 0, random));
    expect(new CookieGenerator(publicKey).consumeReply(reply, 0)).toBe(false);
    generator.zero();
    expect(generator.consumeReply(reply, 0)).toBe(false);
  });

  it('is refused when it answers an earlier message', () => {
    const message = nextMessage(0);
    const reply = decoded(checker.createReply(message, from, 0, random));
    const later = nextMessage(1);
    expect(generator.consumeReply(reply, 1)).toBe(false);
    const right = decoded(checker.createReply(later, from, 1, random));
    expect(generator.consumeReply(right, 1)).toBe(true);
  });

  it('is refused when any bit of it is changed, or it is of another responder', () => {
    const message = nextMessage(0);
    const reply = checker.createReply(message, from, 0, random);
    for (let i = 8; i < reply.length; i++) {
      const forged = Uint8Array.from(reply);
      forged[i] = (forged[i] ?? 0) ^ 0x80;
      expect(generator.consumeReply(decoded(forged), 0), `byte ${i}`).toBe(false);
    }
    const foreign = new CookieChecker(random(32)).createReply(message, from, 0, random);
    expect(generator.consumeReply(decoded(foreign), 0)).toBe(false);
    expect(generator.consumeReply(decoded(reply), 0)).toBe(true);
  });

  it('is not made for other messages', () => {
    expect(() => checker.createReply(new Uint8Array(64), from, 0, random)).toThrow(RangeError);
    expect(() => generator.addMacs(new Uint8Array(64), 0)).toThrow(RangeError);
  });
});

describe('the secret', () => {
  it('is zeroed and replaced after 120 s', () => {
    const message = nextMessage(0);
    handedOut = [];
    checker.createReply(message, from, 0, random);
    const first = handedOut[0];
    expect(first?.length).toBe(32);
    checker.createReply(message, from, 119_999, random);
    expect(handedOut.map(({ length }) => length)).toEqual([32, 24, 24]);
    expect(first?.some((byte) => byte !== 0)).toBe(true);
    checker.createReply(message, from, 120_000, random);
    expect(handedOut.map(({ length }) => length)).toEqual([32, 24, 24, 32, 24]);
    expect(first?.every((byte) => byte === 0)).toBe(true);
  });

  it('does not appear when its holders are printed', () => {
    handedOut = [];
    obtainCookie(0);
    const secret = handedOut.find(({ length }) => length === 32);
    const printed = inspect([checker, generator], { depth: 9, showHidden: true });
    expect(printed).not.toContain(hex(secret).slice(0, 8));
    expect(JSON.stringify([checker, generator])).toBe('[{},{}]');
  });
});
