import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AeadKey, AeadProvider } from '../../crypto/aead.js';
import { defaultProviders } from '../../crypto/providers.js';
import { Secret } from '../../crypto/secret.js';
import { REJECT_AFTER_TIME } from '../../protocol/constants.js';
import { CookieGenerator } from '../../protocol/cookie.js';
import { encodeInitiation } from '../../protocol/messages.js';
import { connect, HOUR, MINUTE, type Pair, pair, SECOND, sentBy } from '../support/pair.js';

const providers = defaultProviders();

/** Every Secret that was made since the test began. */
let secrets: Set<Secret>;
/** Every AEAD key that is not destroyed. */
let liveKeys: Set<AeadKey>;

const aead: AeadProvider = {
  name: 'watched',
  createKey(bytes) {
    const key = providers.aead.createKey(bytes);
    const watched: AeadKey = {
      ...key,
      destroy() {
        key.destroy();
        liveKeys.delete(watched);
      },
    };
    liveKeys.add(watched);
    return watched;
  },
};

const watchedPair = (options = {}): Pair =>
  pair({ crypto: { ...providers, aead }, presharedKey: new Uint8Array(32).fill(7), ...options });

const alive = (): number => [...secrets].filter((secret) => !secret.isZeroed).length;

beforeEach(() => {
  secrets = new Set();
  liveKeys = new Set();
  for (const method of ['take', 'copyOf'] as const) {
    const original = Secret[method].bind(Secret);
    vi.spyOn(Secret, method).mockImplementation((bytes) => {
      const secret = original(bytes);
      secrets.add(secret);
      return secret;
    });
  }
});

afterEach(() => {
  vi.restoreAllMocks();
});

describe('secrets', () => {
  it('of sessions and handshakes are zeroed 3 x REJECT_AFTER_TIME after the last session', () => {
    const { network, a, b } = watchedPair();
    const atRest = alive();
    a.send(b, 'waits');
    network.run(SECOND);
    expect(liveKeys.size).toBe(4);
    expect(alive()).toBe(atRest);
    const since = sentBy(b, 2)[0]?.at ?? 0;
    network.run(30 * SECOND);
    network.run(since + 3 * REJECT_AFTER_TIME - network.now - 1);
    expect(liveKeys.size).toBe(4);
    network.run(20);
    expect(liveKeys.size).toBe(0);
    expect(alive()).toBe(atRest);
  });

  it('of a handshake under way are zeroed when it is given up', () => {
    const { network, a, b } = watchedPair();
    const atRest = alive();
    network.intercept = () => 'drop';
    a.send(b, 'in vain');
    expect(alive()).toBeGreaterThan(atRest);
    network.run(5 * MINUTE);
    expect(alive()).toBe(atRest);
    expect(liveKeys.size).toBe(0);
  });

  it('of both ends together are those of three sessions at most', () => {
    const { network, a, b } = watchedPair();
    const atRest = alive();
    let mostKeys = 0;
    let mostSecrets = 0;
    network.every(SECOND, 3600, (i) => {
      a.send(b, `${i}`);
      b.send(a, `${i}`);
      mostKeys = Math.max(mostKeys, liveKeys.size);
      mostSecrets = Math.max(mostSecrets, alive());
    });
    network.run(HOUR);
    expect(mostKeys).toBeGreaterThan(4);
    expect(mostKeys).toBeLessThanOrEqual(2 * 2 * 3);
    // The chaining key and the ephemeral key of each side's initiation.
    expect(mostSecrets - atRest).toBeLessThanOrEqual(4);
  });

  it('are zeroed with the peer, even in the middle of a handshake', () => {
    for (const lost of [0, 1, 2, 4]) {
      const { network, a, b } = watchedPair();
      network.intercept = ({ bytes }) => (bytes[0] === lost ? 'drop' : 'pass');
      a.send(b, 'waits');
      network.run(100);
      const [before, secretsOfA] = [liveKeys.size, alive()];
      a.changePeer(b, { remove: true });
      expect(alive()).toBeLessThan(secretsOfA);
      b.changePeer(a, { remove: true });
      expect(liveKeys.size, `${before} keys before`).toBe(0);
      // Each host's own private key is left.
      expect(alive()).toBe(2);
      secrets.clear();
    }
  });

  it('are zeroed by close, all of them', () => {
    const net = watchedPair({ persistentKeepalive: 25 });
    connect(net);
    net.network.run(125 * SECOND);
    net.a.send(net.b, 'asks for a new session');
    net.network.run(5);
    for (const host of [net.a, net.b]) host.close();
    expect(liveKeys.size).toBe(0);
    expect([...secrets].filter((secret) => !secret.isZeroed)).toEqual([]);
  });

  it('are zeroed by close under load, when there were cookies', () => {
    const { network, a, b } = watchedPair();
    const fields = {
      sender: 1,
      ephemeral: new Uint8Array(32).fill(9),
      encryptedStatic: new Uint8Array(48),
      encryptedTimestamp: new Uint8Array(28),
    };
    const message = encodeInitiation(fields);
    new CookieGenerator(b.device.publicKey).addMacs(message, network.now);
    for (let i = 0; i < 200; i++) network.inject(a.endpoint, b.endpoint, message);
    network.run(1);
    a.send(b, 'waits');
    network.run(SECOND);
    expect(sentBy(b, 3).length).toBe(201);
    for (const host of [a, b]) host.close();
    expect([...secrets].filter((secret) => !secret.isZeroed)).toEqual([]);
  });

  it('are not kept by the actions that carried them', () => {
    const net = watchedPair();
    connect(net);
    const installed = [...net.a.actions, ...net.b.actions].filter(
      (action) => action.type === 'installKeypair',
    );
    expect(installed).toHaveLength(2);
    for (const { keypair } of installed)
      expect([keypair.sendKey.isZeroed, keypair.receiveKey.isZeroed]).toEqual([true, true]);
  });
});

describe('after close', () => {
  it('all that arrives is met with silence', () => {
    const net = watchedPair();
    const { network, a, b } = net;
    connect(net);
    network.run(200 * SECOND);
    a.send(b, 'waits');
    b.close();
    const before = sentBy(b).length;
    network.run(MINUTE);
    b.send(a, 'no way out');
    network.run(HOUR);
    expect(sentBy(b)).toHaveLength(before);
    expect(b.device.pollTimeout()).toBeUndefined();
    expect(b.device.peers()).toEqual([]);
  });
});
