import * as nodeModule from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { AeadKey, AeadProvider } from '../../crypto/aead.js';
import { nobleAead } from '../../crypto/chacha20poly1305.js';
import { nobleX25519 } from '../../crypto/noblex25519.js';
import {
  createNodeAead,
  createNodeX25519,
  loadNodeCrypto,
  type NodeCrypto,
  nodeAead,
  nodeX25519,
} from '../../crypto/nodecrypto.js';
import { chooseProviders, cryptoNames, defaultProviders } from '../../crypto/providers.js';
import type { X25519 } from '../../crypto/x25519.js';
import { aeadProviders, flipBit, x25519Providers } from './support.js';

const node: NodeCrypto = loadNodeCrypto();

function unsupported(): never {
  throw new Error('unsupported');
}

function chosenX25519(candidate: X25519): X25519 {
  return chooseProviders({ x25519: [candidate, nobleX25519], aead: [nobleAead] }).x25519;
}

function chosenAead(candidate: AeadProvider): AeadProvider {
  return chooseProviders({ x25519: [nobleX25519], aead: [candidate, nobleAead] }).aead;
}

/** noble's cipher with a part of it replaced. */
function aeadWith(change: (key: AeadKey) => Partial<AeadKey>): AeadProvider {
  return {
    name: 'changed',
    createKey(bytes) {
      const key = nobleAead.createKey(bytes);
      return { ...key, ...change(key) };
    },
  };
}

describe('the choice of providers', () => {
  it('takes the first candidate of each list when it works', () => {
    for (const x25519 of x25519Providers) expect(chosenX25519(x25519)).toBe(x25519);
    for (const aead of aeadProviders) expect(chosenAead(aead)).toBe(aead);
    expect(chosenAead(aeadWith(() => ({}))).name).toBe('changed');
  });

  const brokenX25519: [string, Partial<X25519>][] = [
    ['throws for a public key', { publicKey: unsupported }],
    ['throws for a shared secret', { sharedSecret: unsupported }],
    ['computes a wrong public key', { publicKey: (key) => flipBit(nobleX25519.publicKey(key), 0) }],
    [
      'computes a wrong shared secret',
      {
        sharedSecret(privateKey, publicKey) {
          const shared = nobleX25519.sharedSecret(privateKey, publicKey);
          return shared && flipBit(shared, 200);
        },
      },
    ],
    [
      'accepts a point of low order',
      { sharedSecret: (a, b) => nobleX25519.sharedSecret(a, b) ?? new Uint8Array(32) },
    ],
    ['refuses everything', { sharedSecret: () => undefined }],
  ];
  it.each(brokenX25519)('passes over an X25519 that %s', (_name, change) => {
    expect(chosenX25519({ ...nobleX25519, ...change })).toBe(nobleX25519);
  });

  const brokenAead: [string, AeadProvider][] = [
    ['throws for a key', { name: 'broken', createKey: unsupported }],
    ['throws on sealing', aeadWith(() => ({ seal: unsupported }))],
    ['throws on opening', aeadWith(() => ({ open: unsupported }))],
    ['seals nothing', aeadWith(() => ({ seal: () => {} }))],
    [
      'ignores the additional data',
      aeadWith((key) => ({ seal: (nonce, text, out) => key.seal(nonce, text, out) })),
    ],
    [
      'ignores the additional data both ways',
      aeadWith((key) => ({
        seal: (nonce, text, out) => key.seal(nonce, text, out),
        open: (nonce, sealed, out) => key.open(nonce, sealed, out),
      })),
    ],
    ['refuses everything', aeadWith(() => ({ open: () => false }))],
    [
      'checks the tag but writes no text',
      aeadWith((key) => ({
        open: (nonce, sealed, out, data) =>
          key.open(nonce, sealed, new Uint8Array(out.length), data),
      })),
    ],
    ['opens to nothing', aeadWith(() => ({ open: () => true }))],
    [
      'accepts a wrong tag',
      aeadWith((key) => ({
        open(...args) {
          key.open(...args);
          return true;
        },
      })),
    ],
  ];
  it.each(brokenAead)('passes over a ChaCha20-Poly1305 that %s', (_name, candidate) => {
    expect(chosenAead(candidate)).toBe(nobleAead);
  });

  it('fails when nothing passes', () => {
    const brokenX = { ...nobleX25519, publicKey: unsupported };
    const brokenA = { name: 'broken', createKey: unsupported };
    expect(() => chooseProviders({ x25519: [brokenX], aead: [nobleAead] })).toThrow('X25519');
    expect(() => chooseProviders({ x25519: [], aead: [nobleAead] })).toThrow('X25519');
    expect(() => chooseProviders({ x25519: [nobleX25519], aead: [brokenA] })).toThrow('Poly1305');
  });
});

describe('node:crypto that lacks something', () => {
  it.each(['createPrivateKey', 'createPublicKey', 'diffieHellman'] as const)(
    'gives way to noble for X25519 without %s',
    (name) => {
      expect(chosenX25519(createNodeX25519(() => ({ ...node, [name]: unsupported })))).toBe(
        nobleX25519,
      );
      expect(chosenX25519(createNodeX25519(() => ({ ...node, [name]: undefined })) as X25519)).toBe(
        nobleX25519,
      );
    },
  );

  it.each(['createCipheriv', 'createDecipheriv'] as const)(
    'gives way to noble for ChaCha20-Poly1305 without %s',
    (name) => {
      expect(chosenAead(createNodeAead(() => ({ ...node, [name]: unsupported })))).toBe(nobleAead);
    },
  );

  it('gives way to noble when it cannot be loaded', () => {
    expect(chosenX25519(createNodeX25519(unsupported))).toBe(nobleX25519);
    expect(chosenAead(createNodeAead(unsupported))).toBe(nobleAead);
  });

  it('returns undefined where the library returns zeros instead of failing', () => {
    const x25519 = createNodeX25519(() => ({ ...node, diffieHellman: () => new Uint8Array(32) }));
    const key = new Uint8Array(32).fill(1);
    expect(x25519.sharedSecret(key, nobleX25519.publicKey(key))).toBeUndefined();
  });
});

describe('node:crypto with a private key', () => {
  it('gets it in a buffer that is zeroed afterwards, even when the import fails', () => {
    const seen: Uint8Array[] = [];
    const watching = (fail: boolean): X25519 =>
      createNodeX25519(() => ({
        ...node,
        createPrivateKey(input) {
          expect(input.key.subarray(16)).toEqual(new Uint8Array(32).fill(9));
          seen.push(input.key);
          return fail ? unsupported() : node.createPrivateKey(input);
        },
      }));
    const key = new Uint8Array(32).fill(9);
    watching(false).publicKey(key);
    expect(() => watching(true).publicKey(key)).toThrow('unsupported');
    expect(seen).toEqual([new Uint8Array(48), new Uint8Array(48)]);
  });

  it('zeroes the shared secret in the buffer of the library', () => {
    let result = new Uint8Array();
    const x25519 = createNodeX25519(() => ({
      ...node,
      diffieHellman(keys) {
        result = Uint8Array.from(node.diffieHellman(keys));
        return result;
      },
    }));
    const key = new Uint8Array(32).fill(9);
    expect(x25519.sharedSecret(key, nobleX25519.publicKey(key))).toHaveLength(32);
    expect(result).toEqual(new Uint8Array(32));
  });
});

describe('the providers of this process', () => {
  afterEach(() => {
    vi.restoreAllMocks();
    vi.resetModules();
  });

  it('come from node:crypto where it has them', () => {
    expect(nodeModule.getCiphers()).toContain('chacha20-poly1305');
    expect(defaultProviders()).toEqual({ x25519: nodeX25519, aead: nodeAead });
    expect(defaultProviders()).toBe(defaultProviders());
    expect(cryptoNames()).toEqual({
      x25519: 'node:crypto',
      aead: 'node:crypto',
      blake2s: 'noble',
      xchacha20poly1305: 'noble',
    });
  });

  it('are tested when they are first needed, not when they are loaded', async () => {
    const asked = vi.spyOn(process, 'getBuiltinModule');
    vi.resetModules();
    const fresh = await import('../../crypto/providers.js');
    expect(asked).not.toHaveBeenCalled();
    fresh.defaultProviders();
    expect(asked).toHaveBeenCalledWith('node:crypto');
  });

  it.each([
    ['that has no such module', (): undefined => undefined],
    ['that was built without it', unsupported],
  ])('come from noble in a runtime %s', async (_name, getBuiltinModule) => {
    vi.spyOn(process, 'getBuiltinModule').mockImplementation(getBuiltinModule);
    vi.resetModules();
    const fresh = await import('../../crypto/providers.js');
    expect(fresh.cryptoNames()).toMatchObject({ x25519: 'noble', aead: 'noble' });
  });
});
