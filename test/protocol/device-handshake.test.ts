import { describe, expect, it } from 'vitest';
import { nobleAead } from '../../crypto/chacha20poly1305.js';
import { nobleX25519 } from '../../crypto/noblex25519.js';
import { defaultProviders } from '../../crypto/providers.js';
import { Secret } from '../../crypto/secret.js';
import { Host, prefix } from '../support/host.js';
import { ipPacket } from '../support/packets.js';
import {
  addresses,
  commonSession,
  connect,
  dataSentBy,
  HOUR,
  keepalivesSentBy,
  MINUTE,
  pair,
  SECOND,
  sentBy,
  texts,
} from '../support/pair.js';

const presharedKey = new Uint8Array(32).fill(7);

describe('a first exchange', () => {
  it.each([
    ['without a preshared key', {}],
    ['with a preshared key', { presharedKey }],
    [
      'with the libraries in plain JavaScript',
      { crypto: { x25519: nobleX25519, aead: nobleAead } },
    ],
    ['when the responder does not know the endpoint', { bKnowsEndpoint: false }],
  ])('delivers the first packet and its answer %s', (_, options) => {
    const { network, a, b } = pair(options);
    a.send(b, 'question');
    network.run(SECOND);
    b.send(a, 'answer');
    network.run(SECOND);
    expect(texts(b)).toEqual(['question']);
    expect(texts(a)).toEqual(['answer']);
    expect(sentBy(a).map(({ bytes }) => bytes.length)).toEqual([148, 64]);
    expect(sentBy(b).map(({ bytes }) => bytes.length)).toEqual([92, 64]);
  });

  it('takes one round trip, then the packet goes at once', () => {
    const { network, a, b } = pair({ link: { latency: 50 } });
    const start = network.now;
    a.send(b, 'question');
    network.run(SECOND);
    expect(b.received[0]?.at).toBe(start + 150);
  });

  it('keeps the packets that wait for it in order', () => {
    const { network, a, b } = pair({ link: { latency: 50 } });
    const sent = Array.from({ length: 20 }, (_, i) => `packet ${i}`);
    for (const text of sent) a.send(b, text);
    network.run(SECOND);
    expect(texts(b)).toEqual(sent);
    expect(sentBy(a, 1)).toHaveLength(1);
  });

  it('reports when it took place, on both sides', () => {
    const net = pair();
    const at = net.network.wallNanos();
    connect(net);
    for (const host of [net.a, net.b]) {
      const [peer] = host.device.peers();
      expect(peer?.latestHandshake).toBeGreaterThan(at);
      expect(peer?.latestHandshake).toBeLessThan(at + 100_000_000n);
    }
  });

  it('shows the eavesdropper nothing of the packets', () => {
    const net = pair();
    const marker = 'a text that nobody else may read'.repeat(10);
    net.a.send(net.b, marker);
    net.network.run(SECOND);
    net.b.send(net.a, marker);
    net.network.run(SECOND);
    expect(texts(net.a)).toEqual([marker]);
    expect(texts(net.b)).toEqual([marker]);
    const all = Buffer.concat(net.network.seen.map(({ bytes }) => bytes));
    for (let i = 0; i + 8 <= marker.length; i += 8)
      expect(all.includes(marker.slice(i, i + 8))).toBe(false);
    expect(all.includes(Buffer.from(net.a.device.publicKey))).toBe(false);
  });

  it('shares nothing between two sessions that carry the same packet', () => {
    const net = pair();
    connect(net);
    net.network.run(200 * SECOND);
    connect(net);
    const [first, second] = dataSentBy(net.a);
    expect(sentBy(net.a, 1)).toHaveLength(2);
    expect(first?.bytes.subarray(8, 16)).toEqual(second?.bytes.subarray(8, 16));
    expect(first?.bytes.subarray(16)).not.toEqual(second?.bytes.subarray(16));
  });
});

describe('strangers', () => {
  it.each([
    ['another preshared key', presharedKey],
    ['no preshared key', new Uint8Array(32)],
  ])('get nothing through with %s', (_, key) => {
    const { network, a, b } = pair({ presharedKey: new Uint8Array(32).fill(8) });
    a.changePeer(b, { presharedKey: Secret.copyOf(key) });
    a.send(b, 'question');
    b.send(a, 'question');
    network.run(HOUR);
    expect([...texts(a), ...texts(b)]).toEqual([]);
    expect(sentBy(b, 2).length).toBeGreaterThan(0);
    expect([...sentBy(a, 4), ...sentBy(b, 4)]).toEqual([]);
    expect(a.device.peers()[0]?.latestHandshake).toBe(0n);
  });

  it('hear nothing when their public key is unknown', () => {
    const { network, a, b } = pair();
    b.changePeer(a, { remove: true });
    a.send(b, 'question');
    network.run(HOUR);
    expect(sentBy(a, 1).length).toBeGreaterThan(10);
    expect(sentBy(b)).toEqual([]);
    expect(texts(b)).toEqual([]);
  });

  it('hear nothing when they do not know our public key', () => {
    const { network, a, b } = pair();
    const other = new Host(network, addresses(3));
    a.configure({
      publicKey: other.device.publicKey,
      endpoint: b.endpoint,
      allowedIps: [prefix('10.0.0.3/32')],
    });
    a.send(other, 'question');
    network.run(MINUTE);
    expect(sentBy(a, 1).length).toBeGreaterThan(5);
    expect(sentBy(b)).toEqual([]);
  });

  it('cannot make use of a public key of low order', () => {
    const net = pair();
    const { network, a, b } = net;
    const lowOrder = new Uint8Array(32);
    for (const host of [a, b])
      host.configure({
        publicKey: lowOrder,
        endpoint: { address: '192.0.2.9', port: 9 },
        allowedIps: [prefix('10.9.0.0/16')],
        persistentKeepalive: 1,
      });
    for (let i = 0; i < 1000; i++) a.handlePacket(ipPacket(a.v4, '10.9.0.1', 'question'));
    network.run(MINUTE);
    expect(network.seen).toEqual([]);
    connect(net);
  });

  it('are not configured as peers when they have our own key', () => {
    const { a } = pair();
    a.configure({ publicKey: a.device.publicKey });
    expect(a.device.peers()).toHaveLength(1);
  });
});

describe('several peers', () => {
  it('are kept apart', () => {
    const { network, a, b } = pair();
    const c = new Host(network, addresses(3));
    a.addPeer(c);
    c.addPeer(a);
    a.send(b, 'for b');
    a.send(c, 'for c');
    b.send(a, 'from b');
    c.send(a, 'from c');
    network.run(SECOND);
    expect(texts(b)).toEqual(['for b']);
    expect(texts(c)).toEqual(['for c']);
    expect(texts(a).sort()).toEqual(['from b', 'from c']);
  });

  it('do not push each other’s timestamps into the future', () => {
    const { network, b } = pair();
    const privateKey = new Uint8Array(32).fill(66);
    const first = new Host(network, { ...addresses(5), privateKey });
    for (let i = 0; i < 100; i++) {
      const publicKey = defaultProviders().x25519.publicKey(network.random.bytes(32));
      const allowedIps = [prefix(`10.1.0.${i}/32`)];
      first.configure({ publicKey, endpoint: addresses(10).endpoint, allowedIps });
      first.handlePacket(ipPacket(first.v4, `10.1.0.${i}`, 'to nobody'));
    }
    first.addPeer(b);
    b.addPeer(first);
    first.send(b, 'before the restart');
    network.run(SECOND);
    first.close();
    const second = new Host(network, { ...addresses(6), v4: first.v4, privateKey });
    second.addPeer(b);
    second.send(b, 'after the restart');
    network.run(SECOND);
    expect(texts(b)).toEqual(['before the restart', 'after the restart']);
  });
});

describe('both initiating at once', () => {
  it.each(['a', 'b'] as const)(
    'settles on one session at the start, the greater key being that of %s',
    (greater) => {
      const net = pair({ greater, link: { latency: 50 } });
      const { network, a, b } = net;
      const start = network.now;
      a.send(b, 'from a');
      b.send(a, 'from b');
      network.run(SECOND);
      expect(texts(b)).toEqual(['from a']);
      expect(texts(a)).toEqual(['from b']);
      expect(Math.max(...[...a.received, ...b.received].map(({ at }) => at))).toBeLessThan(
        start + 300,
      );
      network.run(MINUTE);
      a.send(b, 'again');
      b.send(a, 'again');
      network.run(SECOND);
      expect(commonSession(net)).toBeDefined();
      expect([...sentBy(a, 1), ...sentBy(b, 1)]).toHaveLength(2);
    },
  );

  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])(
    'settles with jitter, reordering and different starts (%i)',
    (seed) => {
      const net = pair({ seed, link: { latency: 10, jitter: 150, reorders: true } });
      const { network, a, b } = net;
      a.send(b, 'a 0');
      network.after(network.random.below(200), () => b.send(a, 'b 0'));
      network.run(400 * SECOND);
      network.every(SECOND, 30, (i) => {
        a.send(b, `a ${i + 1}`);
        b.send(a, `b ${i + 1}`);
      });
      network.run(40 * SECOND);
      expect(texts(b).sort()).toEqual(Array.from({ length: 31 }, (_, i) => `a ${i}`).sort());
      expect(texts(a).sort()).toEqual(Array.from({ length: 31 }, (_, i) => `b ${i}`).sort());
      expect(commonSession(net)).toBeDefined();
    },
  );

  it('loses nothing at a rekey', () => {
    const net = pair({ link: { latency: 50 } });
    const { network, a, b } = net;
    connect(net);
    network.run(176 * SECOND);
    a.send(b, 'late');
    b.send(a, 'late');
    network.run(SECOND / 4);
    a.send(b, 'later');
    b.send(a, 'later');
    network.run(MINUTE);
    expect(texts(b)).toEqual(['connect', 'late', 'later']);
    expect(texts(a)).toEqual(['connected', 'late', 'later']);
  });

  it.each(['a', 'b'] as const)(
    'comes through with a peer that always gives way, the greater key being that of %s',
    (greater) => {
      const net = pair({ greater, link: { latency: 50, jitter: 20 } });
      const { network, a, b } = net;
      givesWayAlways(b);
      a.send(b, 'from a');
      b.send(a, 'from b');
      network.run(30 * SECOND);
      expect(texts(b)).toEqual(['from a']);
      expect(texts(a)).toEqual(['from b']);
      a.send(b, 'again');
      b.send(a, 'again');
      network.run(SECOND);
      expect(commonSession(net)).toBeDefined();
    },
  );
});

/**
 * Some implementations hold one handshake a peer, so that an initiation that comes in ends their own.
 * Seen from outside: such a host takes no response to what it sent before.
 */
function givesWayAlways(host: Host): void {
  let ended: number[] = [];
  host.accepts = (bytes) => {
    const view = new DataView(bytes.buffer);
    if (bytes[0] === 1) {
      const own = sentBy(host, 1).map((sent) => new DataView(sent.bytes.buffer).getUint32(4, true));
      ended = own;
    }
    return !(bytes[0] === 2 && ended.includes(view.getUint32(8, true)));
  };
}

describe('the responder', () => {
  it('does not send under a session that the initiator has not confirmed', () => {
    const net = pair();
    const { network, a, b } = net;
    network.intercept = ({ bytes }) => (bytes[0] === 4 ? 'hold' : 'pass');
    a.send(b, 'question');
    network.run(100);
    b.send(a, 'too early');
    network.run(SECOND);
    expect(sentBy(b).map(({ bytes }) => bytes[0])).toEqual([2]);
    network.intercept = () => 'pass';
    network.release();
    network.run(SECOND);
    expect(texts(b)).toEqual(['question']);
    expect(texts(a)).toEqual(['too early']);
    expect(sentBy(b, 1)).toEqual([]);
  });

  it('goes on with the old session until then', () => {
    const net = pair();
    const { network, a, b } = net;
    connect(net);
    network.run(125 * SECOND);
    const [first] = dataSentBy(b);
    a.send(b, 'brings the new session');
    network.intercept = (seen) =>
      seen.bytes[0] === 4 && seen.from.port === a.endpoint.port ? 'hold' : 'pass';
    network.run(100);
    expect(sentBy(b, 2)).toHaveLength(2);
    b.send(a, 'meanwhile');
    network.run(100);
    expect(texts(a).at(-1)).toBe('meanwhile');
    expect(dataSentBy(b).at(-1)?.bytes.subarray(4, 8)).toEqual(first?.bytes.subarray(4, 8));
    network.intercept = () => 'pass';
    network.release();
    network.run(100);
    b.send(a, 'afterwards');
    network.run(100);
    expect(texts(a).at(-1)).toBe('afterwards');
    expect(dataSentBy(b).at(-1)?.bytes.subarray(4, 8)).not.toEqual(first?.bytes.subarray(4, 8));
  });

  it('gets a confirmation at once from an initiator that has nothing to send', () => {
    const { network, a, b } = pair();
    a.changePeer(b, { persistentKeepalive: 600 });
    network.run(SECOND);
    expect(keepalivesSentBy(a)).toHaveLength(1);
    b.send(a, 'goes at once');
    network.run(SECOND);
    expect(texts(a)).toEqual(['goes at once']);
    expect(sentBy(b, 1)).toEqual([]);
  });
});
