import { afterEach, describe, expect, it, vi } from 'vitest';
import { Secret } from '../../crypto/secret.js';
import { publicKeyOf } from '../../src/keys.js';
import rfc7748 from '../vectors/rfc7748.json' with { type: 'json' };

const { alicePrivate, alicePublic } = rfc7748.agreement;

type PublicKeyOf = typeof publicKeyOf;

function aliceBy(find: PublicKeyOf): string {
  return Buffer.from(find(Secret.copyOf(Buffer.from(alicePrivate, 'hex')))).toString('hex');
}

/** As in a program that has just started, where node:crypto has `found`. */
async function freshWith(found: unknown): Promise<PublicKeyOf> {
  vi.spyOn(process, 'getBuiltinModule').mockImplementation(() => found as never);
  vi.resetModules();
  return (await import('../../src/keys.js')).publicKeyOf;
}

afterEach(() => {
  vi.restoreAllMocks();
  vi.resetModules();
});

describe('publicKeyOf', () => {
  it('is that of RFC 7748, section 6.1', () => {
    expect(aliceBy(publicKeyOf)).toBe(alicePublic);
  });

  it('works where node:crypto has no X25519 or computes it wrongly', async () => {
    const wrong = { ...(await import('node:crypto')), diffieHellman: () => new Uint8Array(32) };
    for (const found of [undefined, {}, wrong]) {
      const fresh = await freshWith(found);
      expect(aliceBy(fresh)).toBe(alicePublic);
      expect(() => fresh(Secret.copyOf(new Uint8Array(31)))).toThrow(RangeError);
    }
  });

  it('throws RangeError for a key that does not have 32 bytes', () => {
    expect(() => publicKeyOf(Secret.copyOf(new Uint8Array(33)))).toThrow(RangeError);
  });
});
