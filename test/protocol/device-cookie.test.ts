import { describe, expect, it } from 'vitest';
import { defaultProviders } from '../../crypto/providers.js';
import { CookieGenerator } from '../../protocol/cookie.js';
import type { Endpoint } from '../../protocol/dataplane.js';
import { MAX_QUEUED_HANDSHAKES, UNDER_LOAD_FROM } from '../../protocol/handshakequeue.js';
import { decodeCookieReply, encodeCookieReply, encodeInitiation } from '../../protocol/messages.js';
import type { Host } from '../support/host.js';
import { commonSession, connect, MINUTE, pair, SECOND, sentBy, texts } from '../support/pair.js';

const providers = defaultProviders();

const NO_MAC = new Uint8Array(16);

const mac2 = (message: Uint8Array | undefined): Uint8Array =>
  (message ?? new Uint8Array(0)).slice(-16);

const source = (i: number): Endpoint => ({ address: `203.0.113.${i % 250}`, port: 1000 + i });

/** An initiation that only its mac1 is right about. */
function junk(target: Host, generator: CookieGenerator = generatorFor(target)): Uint8Array {
  const { random } = target.network;
  const message = encodeInitiation({
    sender: random.uint32(),
    ephemeral: random.bytes(32),
    encryptedStatic: random.bytes(48),
    encryptedTimestamp: random.bytes(28),
  });
  generator.addMacs(message, target.network.now);
  return message;
}

function generatorFor(target: Host): CookieGenerator {
  return new CookieGenerator(target.device.publicKey);
}

/** Enough at one time for the target to be under load. */
function flood(target: Host, count: number = UNDER_LOAD_FROM + 10): void {
  for (let i = 0; i < count; i++) target.network.inject(source(i), target.endpoint, junk(target));
}

/** node:crypto with the products of the receiver's private key counted. */
function counting(): { crypto: typeof providers; products: () => number } {
  let products = 0;
  const sharedSecret: typeof providers.x25519.sharedSecret = (privateKey, publicKey) => {
    products++;
    return providers.x25519.sharedSecret(privateKey, publicKey);
  };
  return {
    crypto: { ...providers, x25519: { ...providers.x25519, sharedSecret } },
    products: () => products,
  };
}

describe('a flood of initiations from many sources', () => {
  it('is answered with cookies and no computation with keys', () => {
    const { crypto, products } = counting();
    const { network, b } = pair({ crypto });
    const before = products();
    flood(b, 300);
    network.run(10);
    // The queue falls below the mark before it is empty, and load is remembered for a second.
    expect(sentBy(b).map(({ bytes }) => bytes.length)).toEqual(new Array(300).fill(64));
    expect(sentBy(b).map(({ to }) => to)).toEqual(Array.from({ length: 300 }, (_, i) => source(i)));
    expect(products()).toBe(before);
  });

  it('is not kept beyond the length of the queue', () => {
    const { network, b } = pair();
    flood(b, MAX_QUEUED_HANDSHAKES + 500);
    network.run(10);
    expect(sentBy(b)).toHaveLength(MAX_QUEUED_HANDSHAKES);
  });

  it('gets no answer at all with a wrong mac1', () => {
    const { network, b } = pair();
    for (let i = 0; i < 300; i++) {
      const message = junk(b);
      message[120] = (message[120] as number) ^ 1;
      network.inject(source(i), b.endpoint, message);
    }
    network.run(10);
    expect(sentBy(b)).toEqual([]);
  });

  it('delays an honest initiator by one try, until it shows its cookie', () => {
    const net = pair();
    const { network, a, b } = net;
    network.every(900, 14, () => flood(b));
    network.run(100);
    a.send(b, 'honest');
    network.run(12 * SECOND);
    expect(texts(b)).toEqual(['honest']);
    const [first, second, third] = sentBy(a, 1).map(({ bytes }) => bytes);
    expect(third).toBeUndefined();
    expect(mac2(first)).toEqual(NO_MAC);
    expect(mac2(second)).not.toEqual(NO_MAC);
    expect(sentBy(b, 2)).toHaveLength(1);
    b.send(a, 'back');
    network.run(SECOND);
    expect(commonSession(net)).toBeDefined();
  });

  it('no longer delays an honest initiator a second after it ended', () => {
    const { network, a, b } = pair();
    flood(b);
    network.run(980);
    a.send(b, 'during');
    network.run(SECOND);
    expect(texts(b)).toEqual([]);
    network.run(10 * SECOND);
    expect(texts(b)).toEqual(['during']);

    const other = pair();
    flood(other.b);
    other.network.run(1000);
    other.a.send(other.b, 'after');
    other.network.run(SECOND);
    expect(texts(other.b)).toEqual(['after']);
  });

  it('does not keep an initiator under load from connecting', () => {
    const { network, a, b } = pair();
    network.every(900, 14, () => flood(a));
    network.run(100);
    a.send(b, 'honest');
    network.run(12 * SECOND);
    expect(texts(b)).toEqual(['honest']);
    const responses = sentBy(b, 2).map(({ bytes }) => mac2(bytes));
    expect(responses).toHaveLength(2);
    expect(responses[0]).toEqual(NO_MAC);
    expect(responses[1]).not.toEqual(NO_MAC);
  });

  it('leaves the traffic of others alone', () => {
    const net = pair();
    connect(net);
    flood(net.b, 2000);
    net.a.send(net.b, 'meanwhile');
    net.network.run(SECOND);
    expect(texts(net.b).at(-1)).toBe('meanwhile');
  });
});

describe('under load', () => {
  /** A generator that holds a cookie of the target for the address `from`. */
  function withCookie(target: Host, from: Endpoint): CookieGenerator {
    const generator = generatorFor(target);
    target.network.inject(from, target.endpoint, junk(target, generator));
    target.network.run(1);
    const answer = sentBy(target).at(-1);
    expect(answer?.to).toEqual(from);
    const reply = decodeCookieReply(answer?.bytes ?? new Uint8Array(0));
    if (!reply || !generator.consumeReply(reply, target.network.now)) throw new Error('no cookie');
    return generator;
  }

  it('a source with a cookie is held to its share, and others to their own', () => {
    const { crypto, products } = counting();
    const { network, b } = pair({ crypto });
    flood(b);
    network.run(1);
    const generators = [source(1), source(2)].map((from) => withCookie(b, from));
    const before = products();
    const sent = network.seen.length;
    for (let i = 0; i < 50; i++) network.inject(source(1), b.endpoint, junk(b, generators[0]));
    network.run(1);
    expect(products() - before).toBe(5);
    network.inject(source(2), b.endpoint, junk(b, generators[1]));
    network.run(1);
    expect(products() - before).toBe(6);
    network.run(100);
    for (let i = 0; i < 50; i++) network.inject(source(1), b.endpoint, junk(b, generators[0]));
    network.run(1);
    expect(products() - before).toBe(8);
    expect(network.seen).toHaveLength(sent);
  });

  it.each([
    ['address', { ...source(1), address: '203.0.113.77' }],
    ['port', { ...source(1), port: 77 }],
  ])('a cookie is good for no other %s', (_, other) => {
    const { network, b } = pair();
    flood(b);
    network.run(1);
    const generator = withCookie(b, source(1));
    const sent = network.seen.length;
    network.inject(other, b.endpoint, junk(b, generator));
    network.run(1);
    expect(network.seen.slice(sent).map(({ bytes }) => bytes.length)).toEqual([64]);
    network.inject(source(1), b.endpoint, junk(b, generator));
    network.run(1);
    expect(network.seen).toHaveLength(sent + 1);
  });
});

describe('a cookie reply', () => {
  it('moves no endpoint and sends nothing, even when it is genuine', () => {
    const { network, a, b } = pair();
    flood(b);
    network.run(1);
    network.intercept = ({ bytes, from }) =>
      bytes[0] === 3 && from.port === b.endpoint.port ? 'hold' : 'pass';
    a.send(b, 'waits');
    network.run(100);
    const [reply] = network.held.splice(0);
    network.inject(source(5), a.endpoint, reply?.bytes ?? new Uint8Array(0));
    network.run(100);
    expect(a.device.peers()[0]?.endpoint).toEqual(b.endpoint);
    expect(sentBy(a)).toHaveLength(1);
    network.run(10 * SECOND);
    expect(mac2(sentBy(a, 1)[1]?.bytes)).not.toEqual(NO_MAC);
    expect(texts(b)).toEqual(['waits']);
  });

  it('that was not asked for does not put the receiver under load', () => {
    const { network, a, b } = pair();
    network.run(MINUTE);
    for (let i = 0; i < 2 * MAX_QUEUED_HANDSHAKES; i++) {
      const forged = encodeCookieReply({
        receiver: network.random.uint32(),
        nonce: network.random.bytes(24),
        encryptedCookie: network.random.bytes(32),
      });
      network.inject(source(i), b.endpoint, forged);
    }
    a.send(b, 'honest');
    network.run(SECOND);
    expect(texts(b)).toEqual(['honest']);
    expect(sentBy(b, 3)).toEqual([]);
  });
});
