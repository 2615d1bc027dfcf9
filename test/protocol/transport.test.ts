/** The portable data plane alone: no control plane runs, as when the event loop of control stalls. */
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { defaultProviders } from '../../crypto/providers.js';
import { Secret } from '../../crypto/secret.js';
import {
  MAX_STAGED_PACKETS,
  REJECT_AFTER_MESSAGES,
  REJECT_AFTER_TIME,
  REKEY_AFTER_MESSAGES,
} from '../../protocol/constants.js';
import type { DataPlaneEvent, Endpoint, TransportKeypair } from '../../protocol/dataplane.js';
import { readCounter, TRANSPORT_OVERHEAD, writeTransportHeader } from '../../protocol/messages.js';
import { Transport } from '../../protocol/transport.js';
import { prefix } from '../support/host.js';
import { ipPacket, payloadText } from '../support/packets.js';

const providers = defaultProviders();

const PEER = 1;
const MTU = 1420;
const here: Endpoint = { address: '192.0.2.1', port: 1 };
const there: Endpoint = { address: '2001:db8::2', port: 2 };

class End {
  readonly datagrams: Uint8Array[] = [];
  readonly packets: Uint8Array[] = [];
  readonly transport: Transport = new Transport(
    {
      sendDatagram: (datagram) => this.datagrams.push(Uint8Array.from(datagram)),
      writePacket: (packet) => this.packets.push(Uint8Array.from(packet)),
    },
    providers.aead,
    MTU,
  );

  constructor(endpoint: Endpoint, ...allowed: string[]) {
    const allowedIps = { replace: true, add: allowed.map(prefix), remove: [] };
    this.transport.apply(0, { type: 'setPeer', peer: PEER, endpoint, allowedIps });
  }

  install(keypair: TransportKeypair, now = 0): void {
    this.transport.apply(now, { type: 'installKeypair', peer: PEER, keypair });
  }

  get events(): readonly DataPlaneEvent['type'][] {
    return this.transport.takeEvents().map(({ type }) => type);
  }
}

function keypair(isInitiator: boolean, change: Partial<TransportKeypair> = {}): TransportKeypair {
  const [own, other] = isInitiator ? [1, 2] : [2, 1];
  return {
    localIndex: own,
    remoteIndex: other,
    sendKey: Secret.take(new Uint8Array(32).fill(own)),
    receiveKey: Secret.take(new Uint8Array(32).fill(other)),
    isInitiator,
    createdAt: 0,
    ...change,
  };
}

const packet = ipPacket('10.0.0.1', '10.0.0.2', 'data');
const answer = ipPacket('10.0.0.2', '10.0.0.1', 'data');

let a: End;
let b: End;

beforeEach(() => {
  a = new End(there, '10.0.0.2/32', 'fd00::2/128');
  b = new End(here, '10.0.0.1/32', 'fd00::1/128');
});

/** A transport message from a to b that a's own data plane would not make. */
function sealedByA(counter: bigint, plaintext: Uint8Array): Uint8Array {
  const datagram = new Uint8Array(plaintext.length + TRANSPORT_OVERHEAD);
  writeTransportHeader(datagram, 2, counter);
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setBigUint64(4, counter, true);
  const key = providers.aead.createKey(new Uint8Array(32).fill(1));
  key.seal(nonce, plaintext, datagram.subarray(16));
  return datagram;
}

/** Hands over what a sent since the last time. */
function deliver(now = 0, from: End = a, to: End = b): void {
  for (const datagram of from.datagrams.splice(0)) {
    to.transport.handleDatagram(now, datagram, from === a ? here : there);
  }
}

describe('the send counter', () => {
  it.each([
    0n,
    2n ** 32n - 2n,
    2n ** 53n - 2n,
    REKEY_AFTER_MESSAGES - 2n,
    2n ** 63n - 2n,
    REJECT_AFTER_MESSAGES - 5n,
  ])('is exact on the wire from %s on', (sendCounter) => {
    a.install(keypair(true, { sendCounter }));
    b.install(keypair(false));
    for (let i = 0; i < 5; i++) a.transport.handlePacket(0, packet);
    expect(a.datagrams.map(readCounter)).toEqual([0n, 1n, 2n, 3n, 4n].map((i) => sendCounter + i));
    deliver();
    expect(b.packets).toHaveLength(5);
  });

  it('asks for a new key from REKEY_AFTER_MESSAGES on, and goes on sending', () => {
    a.install(keypair(true, { sendCounter: REKEY_AFTER_MESSAGES - 1n }));
    a.transport.handlePacket(0, packet);
    expect(a.events).toEqual(['traffic']);
    a.transport.handlePacket(0, packet);
    expect(a.events).toEqual(['traffic', 'needsHandshake']);
    expect(a.datagrams).toHaveLength(2);
  });

  it('ends at REJECT_AFTER_MESSAGES: packets wait for a new key', () => {
    a.install(keypair(true, { sendCounter: REJECT_AFTER_MESSAGES - 1n }));
    for (let i = 0; i < 3; i++) a.transport.handlePacket(0, packet);
    expect(a.datagrams.map(readCounter)).toEqual([REJECT_AFTER_MESSAGES - 1n]);
    expect(a.events).toEqual(['traffic', 'needsHandshake']);
    a.transport.apply(0, { type: 'sendKeepalive', peer: PEER });
    expect(a.datagrams).toHaveLength(1);
    a.datagrams.length = 0;
    const next = { localIndex: 3, remoteIndex: 4 };
    a.install(keypair(true, next));
    a.transport.apply(0, { type: 'sendKeepalive', peer: PEER });
    expect(a.datagrams.map(readCounter)).toEqual([0n, 1n]);
    b.install(keypair(false, { localIndex: 4, remoteIndex: 3 }));
    deliver();
    expect(b.packets.map(payloadText)).toEqual(['data', 'data']);
  });

  it('runs out in the middle of waiting packets without losing any', () => {
    for (let i = 0; i < 5; i++)
      a.transport.handlePacket(0, ipPacket('10.0.0.1', '10.0.0.2', `${i}`));
    a.install(keypair(true, { sendCounter: REJECT_AFTER_MESSAGES - 2n }));
    b.install(keypair(false));
    a.transport.apply(0, { type: 'sendKeepalive', peer: PEER });
    expect(a.datagrams).toHaveLength(2);
    deliver();
    a.install(keypair(true, { localIndex: 3, remoteIndex: 4 }));
    b.install(keypair(false, { localIndex: 4, remoteIndex: 3 }));
    a.transport.apply(0, { type: 'sendKeepalive', peer: PEER });
    deliver();
    expect(b.packets.map(payloadText)).toEqual(['0', '1', '2', '3', '4']);
  });

  it('of a receiver accepts nothing from REJECT_AFTER_MESSAGES on', () => {
    b.install(keypair(false));
    a.install(keypair(true, { sendCounter: REJECT_AFTER_MESSAGES - 1n }));
    a.transport.handlePacket(0, packet);
    const beyond = sealedByA(REJECT_AFTER_MESSAGES, packet);
    b.transport.handleDatagram(0, beyond, here);
    expect(b.events).toEqual([]);
    deliver();
    expect(b.packets).toHaveLength(1);
  });
});

describe('REJECT_AFTER_TIME', () => {
  it('ends a session both ways without any timer of the control plane', () => {
    a.install(keypair(true));
    b.install(keypair(false));
    a.transport.handlePacket(REJECT_AFTER_TIME - 1, packet);
    expect(a.datagrams).toHaveLength(1);
    const [datagram] = a.datagrams as [Uint8Array];
    b.transport.handleDatagram(REJECT_AFTER_TIME, datagram, here);
    expect([b.packets, b.events]).toEqual([[], []]);
    b.transport.handleDatagram(REJECT_AFTER_TIME - 1, datagram, here);
    expect(b.packets).toHaveLength(1);
    a.datagrams.length = 0;
    a.transport.takeEvents();
    a.transport.handlePacket(REJECT_AFTER_TIME, packet);
    a.transport.apply(REJECT_AFTER_TIME, { type: 'sendKeepalive', peer: PEER });
    expect(a.datagrams).toEqual([]);
    expect(a.events).toEqual(['needsHandshake']);
  });

  it('ends the wait of a responder for confirmation', () => {
    a.install(keypair(true, { createdAt: 10 }));
    b.install(keypair(false));
    a.transport.handlePacket(REJECT_AFTER_TIME, packet);
    deliver(REJECT_AFTER_TIME);
    expect([b.packets, b.events]).toEqual([[], []]);
  });
});

describe('packets without a key', () => {
  it('ask for a handshake, and the newest of them wait', () => {
    for (let i = 0; i < MAX_STAGED_PACKETS + 3; i++)
      a.transport.handlePacket(0, ipPacket('10.0.0.1', '10.0.0.2', `${i}`));
    expect(a.events).toEqual(['needsHandshake']);
    a.install(keypair(true));
    b.install(keypair(false));
    a.transport.apply(0, { type: 'sendKeepalive', peer: PEER });
    deliver();
    expect(b.packets).toHaveLength(MAX_STAGED_PACKETS);
    expect(payloadText(b.packets[0] as Uint8Array)).toBe('3');
  });

  it('are gone after dropStaged', () => {
    a.transport.handlePacket(0, packet);
    a.transport.apply(0, { type: 'dropStaged', peer: PEER });
    a.install(keypair(true));
    a.transport.apply(0, { type: 'sendKeepalive', peer: PEER });
    expect(a.datagrams.map(({ length }) => length)).toEqual([TRANSPORT_OVERHEAD]);
  });

  it('leave a responder only once the initiator has confirmed the session', () => {
    b.install(keypair(false));
    b.transport.handlePacket(0, answer);
    expect(b.datagrams).toEqual([]);
    a.install(keypair(true));
    a.transport.handlePacket(0, packet);
    deliver();
    expect(b.events).toEqual(['keyConfirmed', 'traffic', 'needsHandshake']);
    deliver(0, b, a);
    expect(a.packets.map(payloadText)).toEqual(['data']);
    expect(b.packets.map(payloadText)).toEqual(['data']);
  });
});

describe('padding', () => {
  it('fills up to 16 bytes but never beyond the MTU, for every length', () => {
    a.install(keypair(true));
    b.install(keypair(false));
    const wrong: string[] = [];
    for (let length = 20; length <= MTU; length++) {
      const sent = ipPacket('10.0.0.1', '10.0.0.2', new Uint8Array(length - 20).fill(length));
      a.transport.handlePacket(0, sent);
      const expected = Math.min(Math.ceil(length / 16) * 16, MTU) + TRANSPORT_OVERHEAD;
      if (a.datagrams[0]?.length !== expected) wrong.push(`${length}: ${a.datagrams[0]?.length}`);
      deliver();
      if (Buffer.compare(b.packets.pop() ?? new Uint8Array(0), sent) !== 0) wrong.push(`${length}`);
    }
    expect(wrong).toEqual([]);
  });

  it('follows a change of the MTU', () => {
    a.install(keypair(true));
    a.transport.setMtu(50);
    a.transport.handlePacket(0, ipPacket('10.0.0.1', '10.0.0.2', new Uint8Array(29)));
    a.transport.handlePacket(0, ipPacket('10.0.0.1', '10.0.0.2', new Uint8Array(40)));
    expect(a.datagrams.map(({ length }) => length - TRANSPORT_OVERHEAD)).toEqual([50, 64]);
  });

  it('is zeros, not what an earlier packet left', () => {
    a.install(keypair(true));
    a.transport.handlePacket(0, ipPacket('10.0.0.1', '10.0.0.2', new Uint8Array(1000).fill(255)));
    a.transport.handlePacket(0, ipPacket('10.0.0.1', '10.0.0.2', 'x'));
    const [, datagram] = a.datagrams as [Uint8Array, Uint8Array];
    const nonce = new Uint8Array(12);
    nonce[4] = 1;
    const plaintext = new Uint8Array(32);
    const key = providers.aead.createKey(new Uint8Array(32).fill(1));
    expect(key.open(nonce, datagram.subarray(16), plaintext)).toBe(true);
    expect(plaintext.subarray(21)).toEqual(new Uint8Array(11));
  });

  it('is taken off by the length in the header', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 1380 }),
        fc.boolean(),
        fc.integer({ min: 0, max: 100 }),
        (data, isIpv6, extra) => {
          const [x, y] = isIpv6 ? ['fd00::1', 'fd00::2'] : ['10.0.0.1', '10.0.0.2'];
          const sent = ipPacket(x as string, y as string, data);
          const padded = new Uint8Array(sent.length + extra);
          padded.set(sent);
          const [sender, receiver] = [
            new End(there, '::/0', '0.0.0.0/0'),
            new End(here, '::/0', '0.0.0.0/0'),
          ];
          sender.install(keypair(true));
          receiver.install(keypair(false));
          sender.transport.handlePacket(0, padded);
          deliver(0, sender, receiver);
          expect(receiver.packets).toEqual([sent]);
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('allowed IPs', () => {
  beforeEach(() => {
    a.install(keypair(true));
    b.install(keypair(false));
  });

  it.each([
    ['an IPv4 source', ipPacket('10.0.0.9', '10.0.0.2', 'spoofed')],
    ['an IPv6 source', ipPacket('fd00::9', 'fd00::2', 'spoofed')],
  ])('keep %s of another out', (_, spoofed) => {
    a.transport.handlePacket(0, spoofed);
    expect(a.datagrams).toHaveLength(1);
    deliver();
    expect(b.packets).toEqual([]);
  });

  it.each([
    ['a packet that says it is longer', (bytes: Uint8Array) => bytes.fill(0xff, 2, 4)],
    [
      'a packet that says it is shorter than its header',
      (bytes: Uint8Array) => bytes.fill(0, 2, 4),
    ],
    ['what is no IP packet', (bytes: Uint8Array) => bytes.fill(0x55, 0, 1)],
  ])('keep %s out', (_, spoil) => {
    const sealed = ipPacket('10.0.0.1', '10.0.0.2', 'spoiled');
    spoil(sealed);
    b.transport.handleDatagram(0, sealedByA(0n, sealed), here);
    expect(b.packets).toEqual([]);
    expect(b.events).toEqual(['keyConfirmed', 'traffic']);
  });

  it('without a peer for the destination get an answer and send nothing', () => {
    a.transport.handlePacket(0, ipPacket('10.0.0.1', '10.9.9.9', 'nobody'));
    a.transport.handlePacket(0, ipPacket('fd00::1', 'fd99::9', 'nobody'));
    expect(a.datagrams).toEqual([]);
    expect(a.packets.map((reply) => (reply[0] as number) >> 4)).toEqual([4, 6]);
  });

  it('of a peer without an endpoint get an answer too', () => {
    a.transport.apply(0, {
      type: 'setPeer',
      peer: 2,
      allowedIps: { replace: false, add: [prefix('10.9.0.0/16')], remove: [] },
    });
    a.transport.handlePacket(0, ipPacket('10.0.0.1', '10.9.9.9', 'nowhere'));
    expect(a.packets).toHaveLength(1);
    expect(a.events).toEqual([]);
  });

  it('silently drop what is not an IP packet', () => {
    for (const bytes of [[], [0x45], [0x60, 0, 0], new Array(19).fill(0x45), new Array(60).fill(0)])
      a.transport.handlePacket(0, Uint8Array.from(bytes));
    expect([a.datagrams, a.packets, a.events]).toEqual([[], [], []]);
  });
});

describe('what the control plane hears', () => {
  it('is one event of traffic for a batch, and nothing when nothing happened', () => {
    a.install(keypair(true));
    for (let i = 0; i < 10; i++) a.transport.handlePacket(0, packet);
    expect(a.transport.takeEvents()).toEqual([
      {
        type: 'traffic',
        peer: PEER,
        dataSent: true,
        dataReceived: false,
        keepaliveSent: false,
        keepaliveReceived: false,
      },
    ]);
    expect(a.transport.takeEvents()).toEqual([]);
  });

  it('includes the new endpoint of a peer', () => {
    a.install(keypair(true));
    b.install(keypair(false));
    a.transport.handlePacket(0, packet);
    const moved = { address: '203.0.113.5', port: 1 };
    b.transport.handleDatagram(0, a.datagrams[0] as Uint8Array, moved);
    expect(b.transport.takeEvents()[0]).toEqual({ type: 'roamed', peer: PEER, endpoint: moved });
  });

  it('follows a peer before its packet is delivered, so that the answer finds it', () => {
    const moved = { address: '203.0.113.5', port: 1 };
    const answeredTo: Endpoint[] = [];
    const answer = ipPacket('10.0.0.2', '10.0.0.1', 'answer');
    const answering: Transport = new Transport(
      {
        sendDatagram: (_, to) => answeredTo.push(to),
        writePacket: () => answering.handlePacket(0, answer),
      },
      providers.aead,
      MTU,
    );
    const allowedIps = { replace: true, add: [prefix('10.0.0.1/32')], remove: [] };
    answering.apply(0, { type: 'setPeer', peer: PEER, endpoint: here, allowedIps });
    answering.apply(0, { type: 'installKeypair', peer: PEER, keypair: keypair(false) });
    a.install(keypair(true));
    a.transport.handlePacket(0, packet);
    answering.handleDatagram(0, a.datagrams[0] as Uint8Array, moved);
    expect(answeredTo).toEqual([moved]);
    answering.close();
  });

  it('is nothing of a peer that was removed', () => {
    a.install(keypair(true));
    a.transport.handlePacket(0, packet);
    a.transport.apply(0, { type: 'removePeer', peer: PEER });
    expect(a.events).toEqual([]);
    const late = keypair(true);
    a.install(late);
    expect([late.sendKey.isZeroed, late.receiveKey.isZeroed]).toEqual([true, true]);
  });
});
