import { expect, it } from 'vitest';
import { defaultProviders } from '../../crypto/providers.js';
import { fastestProviders, loadOpenssl, preferOpenssl } from '../../native/providers.js';

const providers = defaultProviders();

const openssl = loadOpenssl();

it('prefers OpenSSL where this node exports it', () => {
  const expected = openssl ?? providers;
  expect(fastestProviders().aead.name).toBe(expected.aead.name);
  expect(fastestProviders().x25519.name).toBe(expected.x25519.name);
  expect(fastestProviders()).toBe(fastestProviders());
});

it('falls back where it is not exported', () => {
  expect(preferOpenssl(undefined)).toEqual(providers);
});

it('falls back for each primitive that computes something else', () => {
  const { x25519, aead } = providers;
  const broken = {
    x25519: { ...x25519, name: 'broken', publicKey: () => new Uint8Array(32) },
    aead: { ...aead, name: 'other' },
  };
  const chosen = preferOpenssl(broken);
  expect(chosen.x25519).toBe(x25519);
  expect(chosen.aead.name).toBe('other');
});
