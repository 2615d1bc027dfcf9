/** Whatever differs by one bit or byte from what a peer sent is met with silence, and changes nothing. */
import { describe, expect, it } from 'vitest';
import { CookieGenerator } from '../../protocol/cookie.js';
import { encodeInitiation } from '../../protocol/messages.js';
import type { Host } from '../support/host.js';
import { connect, MINUTE, type Pair, pair, SECOND, sentBy, texts } from '../support/pair.js';

type Forger = (genuine: Uint8Array) => Iterable<Uint8Array>;

function* truncated(genuine: Uint8Array): Generator<Uint8Array> {
  for (let length = 0; length < genuine.length; length++) yield genuine.slice(0, length);
}

function* extended(genuine: Uint8Array): Generator<Uint8Array> {
  for (const extra of [1, 2, 4, 15, 16, 17, 32, 100, 1400, 65_507 - genuine.length, 100_000]) {
    const longer = new Uint8Array(genuine.length + extra);
    longer.set(genuine);
    yield longer;
  }
}

function flippedBits(from = 0, to?: number): Forger {
  return function* flip(genuine) {
    for (let bit = 8 * from; bit < 8 * (to ?? genuine.length); bit++) {
      const forged = Uint8Array.from(genuine);
      forged[bit >> 3] = (forged[bit >> 3] as number) ^ (1 << (bit & 7));
      yield forged;
    }
  };
}

/** As one who knows the receiver's public key can do it. */
function withGoodMac1(receiver: Host, forger: Forger): Forger {
  return function* remac(genuine) {
    for (const forged of forger(genuine)) {
      new CookieGenerator(receiver.device.publicKey).addMacs(forged, 0);
      yield forged;
    }
  };
}

/** Injects all forgeries while the genuine message is held back, and then lets that through. */
function attack({ network }: Pair, receiver: Host, forger: Forger): number {
  const [genuine] = network.held;
  if (!genuine) throw new Error('there is nothing to forge');
  const [sent, received, events] = [
    sentBy(receiver).length,
    receiver.received.length,
    receiver.actions.length,
  ];
  let count = 0;
  for (const forged of forger(genuine.bytes)) {
    // Spread over time, so that the receiver does not take them for a flood.
    if (++count % 100 === 0) network.run(1);
    network.inject(genuine.from, genuine.to, forged);
  }
  network.run(1);
  expect(sentBy(receiver)).toHaveLength(sent);
  expect(receiver.received).toHaveLength(received);
  expect(receiver.actions).toHaveLength(events);
  network.intercept = () => 'pass';
  network.release();
  return count;
}

/** Everything but what no tag covers: the sender's index, known to be so (section 5.4.2). */
function forgeriesOf(type: 1 | 2, receiver: Host): [string, Forger][] {
  const macs = type === 1 ? 116 : 60;
  const mac2 = macs + 16;
  const fields = type === 1 ? 8 : 12;
  return [
    ['truncated', truncated],
    ['extended', extended],
    ['a flipped bit before mac2', flippedBits(0, mac2)],
    ['a flipped bit before the sender, mac1 made good', withGoodMac1(receiver, flippedBits(0, 4))],
    [
      'a flipped bit after the indices, mac1 made good',
      withGoodMac1(receiver, flippedBits(fields, macs)),
    ],
  ];
}

describe('forged initiations', () => {
  it.each([0, 1, 2, 3, 4])('of kind %i are met with silence', (kind) => {
    const net = pair();
    net.network.intercept = () => 'hold';
    net.a.send(net.b, 'genuine');
    const [name, forger] = forgeriesOf(1, net.b)[kind] as [string, Forger];
    expect(attack(net, net.b, forger), name).toBeGreaterThan(10);
    net.network.run(SECOND);
    expect(texts(net.b), name).toEqual(['genuine']);
  });
});

describe('forged responses', () => {
  it.each([0, 1, 2, 3, 4])('of kind %i are met with silence', (kind) => {
    const net = pair();
    net.network.intercept = ({ bytes }) => (bytes[0] === 2 ? 'hold' : 'pass');
    net.a.send(net.b, 'genuine');
    net.network.run(SECOND);
    const [name, forger] = forgeriesOf(2, net.a)[kind] as [string, Forger];
    expect(attack(net, net.a, forger), name).toBeGreaterThan(10);
    net.network.run(SECOND);
    expect(texts(net.b), name).toEqual(['genuine']);
  });

  it('that name another receiver are met with silence, even with a valid mac1', () => {
    const net = pair();
    net.network.intercept = ({ bytes }) => (bytes[0] === 2 ? 'hold' : 'pass');
    net.a.send(net.b, 'genuine');
    net.network.run(SECOND);
    attack(net, net.a, withGoodMac1(net.a, flippedBits(8, 12)));
    net.network.run(SECOND);
    expect(texts(net.b)).toEqual(['genuine']);
  });
});

describe('forged cookie replies', () => {
  it.each([
    ['truncated', truncated],
    ['extended', extended],
    ['a flipped bit', flippedBits()],
  ] as [string, Forger][])('%s, give no cookie', (_, forger) => {
    for (const isGenuineLetThrough of [true, false]) {
      const net = pair();
      const { network, a, b } = net;
      const junk = encodeInitiation({
        sender: 1,
        ephemeral: new Uint8Array(32).fill(9),
        encryptedStatic: new Uint8Array(48),
        encryptedTimestamp: new Uint8Array(28),
      });
      new CookieGenerator(b.device.publicKey).addMacs(junk, network.now);
      for (let i = 0; i < 200; i++) network.inject(a.endpoint, b.endpoint, junk);
      network.run(1);
      network.intercept = ({ bytes }) => (bytes[0] === 3 ? 'hold' : 'pass');
      a.send(b, 'genuine');
      network.run(100);
      attack(net, a, (bytes) => {
        if (!isGenuineLetThrough) network.held.splice(0);
        return forger(bytes);
      });
      network.run(MINUTE);
      const mac2 = sentBy(a, 1)[1]?.bytes.slice(-16);
      expect(mac2?.some((byte) => byte !== 0)).toBe(isGenuineLetThrough);
      expect(texts(b)).toEqual(['genuine']);
    }
  });
});

describe('forged transport messages', () => {
  it.each([
    ['truncated', truncated],
    ['extended', extended],
    ['a flipped bit', flippedBits()],
  ] as [string, Forger][])('%s, deliver nothing', (_, forger) => {
    const net = pair();
    const { network, a, b } = net;
    connect(net);
    network.intercept = () => 'hold';
    a.send(b, 'genuine');
    attack(net, b, forger);
    network.run(SECOND);
    expect(texts(b)).toEqual(['connect', 'genuine']);
  });

  it('that would confirm a session confirm nothing', () => {
    const net = pair();
    const { network, a, b } = net;
    network.intercept = ({ bytes }) => (bytes[0] === 4 ? 'hold' : 'pass');
    a.send(b, 'genuine');
    network.run(SECOND);
    attack(net, b, flippedBits());
    network.run(SECOND);
    expect(texts(b)).toEqual(['genuine']);
    expect(b.events.filter(({ type }) => type === 'keyConfirmed')).toHaveLength(1);
  });
});

describe('a message that a data plane hands up as one of another type', () => {
  const TYPES = [1, 2, 3] as const;

  /** Past the check of the data plane; true when it brought anything about. */
  function isBelieved(host: Host, messageType: 1 | 2 | 3, message: Uint8Array): boolean {
    const { now } = host.network;
    const from = { address: '192.0.2.77', port: 7 };
    host.device.handleEvent(now, { type: 'handshake', messageType, message, from });
    host.device.handleTimeout(now);
    return host.device.pollAction() !== undefined;
  }

  it.each([1, 2] as const)('is not believed, and the genuine message of type %i is', (type) => {
    const net = pair();
    net.network.intercept = ({ bytes }) => (bytes[0] === type ? 'hold' : 'pass');
    net.a.send(net.b, 'genuine');
    net.network.run(SECOND);
    const receiver = type === 1 ? net.b : net.a;
    const genuine = net.network.held[0]?.bytes ?? new Uint8Array();
    for (const messageType of TYPES) {
      for (const forged of [...truncated(genuine), ...extended(genuine)])
        expect(isBelieved(receiver, messageType, forged)).toBe(false);
      const others = withGoodMac1(receiver, flippedBits(0, 4))(genuine);
      for (const forged of others) expect(isBelieved(receiver, messageType, forged)).toBe(false);
      if (messageType !== type) expect(isBelieved(receiver, messageType, genuine)).toBe(false);
    }
    expect(isBelieved(receiver, type, genuine)).toBe(true);
  });
});
