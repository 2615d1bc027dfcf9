import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as api from '../../src/index.js';
import { whyNoNativeLibrary } from '../native/library.js';

const manifest = readJson('../../package.json') as { version: string };
const vectors = readJson('../vectors/rfc7748.json') as {
  agreement: { alicePrivate: string; alicePublic: string };
};

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
}

describe('the public API', () => {
  it('has these exports and no more', () => {
    expect(Object.keys(api).sort()).toEqual([
      'ChangeError',
      'ConfigError',
      'MemoryTun',
      'NetConfigError',
      'Secret',
      'TunError',
      'Tunnel',
      'UdpError',
      'WgTsError',
      'connect',
      'decodeKey',
      'defaultLogger',
      'encodeKey',
      'formatConfig',
      'generatePresharedKey',
      'generatePrivateKey',
      'isWgTsError',
      'memoryTunPair',
      'packageVersion',
      'packetStream',
      'parseConfig',
      'publicKeyOf',
      'serveMetrics',
      'systemClock',
      'tunFromStream',
      'versions',
    ]);
  });

  it('makes keys that differ, the private ones clamped', () => {
    const keys = Array.from({ length: 50 }, () => api.generatePrivateKey().expose());
    for (const key of keys) {
      expect(key).toHaveLength(32);
      expect((key[0] as number) & 0b111).toBe(0);
      expect((key[31] as number) & 0b1100_0000).toBe(0b0100_0000);
    }
    expect(new Set(keys.map(api.encodeKey)).size).toBe(50);
    const preshared = Array.from({ length: 50 }, () => api.generatePresharedKey().expose());
    expect(new Set(preshared.map(api.encodeKey)).size).toBe(50);
    // Random and not clamped: some have a bit that clamping clears.
    expect(preshared.some((key) => ((key[0] as number) & 1) === 1)).toBe(true);
  });

  it('computes the public key of a private one (RFC 7748, section 6.1)', () => {
    const alice = Buffer.from(vectors.agreement.alicePrivate, 'hex');
    const publicKey = api.publicKeyOf(api.Secret.copyOf(alice));
    expect(Buffer.from(publicKey).toString('hex')).toBe(vectors.agreement.alicePublic);
  });

  it('has its versions', async () => {
    expect(api.packageVersion()).toBe(manifest.version);
    expect(await api.versions()).toMatchObject({
      wgTs: manifest.version,
      node: process.versions.node,
      dataPlane: whyNoNativeLibrary === undefined ? 'native' : 'portable',
      crypto: { blake2s: 'noble', xchacha20poly1305: 'noble' },
    });
  });
});
