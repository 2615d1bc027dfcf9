/**
 * What every data plane must do, seen from outside: over real UDP on loopback, and with an interface
 * whose system is the test.
 * Its peer is a bare socket with a Transport of its own as the oracle, so that each datagram can be
 * looked at, altered and repeated.
 */
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { REJECT_AFTER_MESSAGES, REJECT_AFTER_TIME } from '../../protocol/constants.js';
import type { DataPlane, DataPlaneEvent, Millis } from '../../protocol/dataplane.js';
import { ipPacket } from '../support/packets.js';
import { waitFor } from '../support/waiting.js';
import { type KeypairOptions, LOCAL_INDEX, prefixes, REMOTE_INDEX, Remote } from './remote.js';

/** The system behind the interface of a data plane under test. */
export interface SubjectTun {
  /** What the plane has written, oldest first. */
  readonly received: readonly Uint8Array[];
  readonly closed: boolean;
  /** The system sends a packet into the interface. */
  inject(packet: Uint8Array): void;
}

/** A data plane under test, listening on 127.0.0.1. */
export interface Subject {
  readonly plane: DataPlane;
  readonly tun: SubjectTun;
  readonly port: number;
  readonly mtu: number;
  now(): Millis;
}

const PEER = 7;
const OURS = '10.9.0.1';
const THEIRS = '10.9.0.2';
const OURS6 = 'fd09::1';
const THEIRS6 = 'fd09::2';
/** No peer has it. */
const NOBODY = '192.0.2.77';

export function testDataPlane(name: string, open: () => Promise<Subject>): void {
  describe(`${name} data plane`, () => {
    let subject: Subject;
    let remote: Remote;
    let events: DataPlaneEvent[];

    beforeEach(async () => {
      subject = await open();
      events = [];
      subject.plane.onEvents((batch) => events.push(...batch));
      remote = await Remote.open(subject);
    });
    afterEach(async () => {
      await subject.plane.close();
      remote.close();
    });

    const addPeer = (endpoint = remote.endpoint): void =>
      subject.plane.apply({
        type: 'setPeer',
        peer: PEER,
        endpoint,
        allowedIps: { replace: true, add: prefixes(`${THEIRS}/32`, `${THEIRS6}/128`), remove: [] },
      });
    const install = (options: KeypairOptions = {}): void => {
      const keys = remote.install(options);
      const createdAt = options.createdAt ?? subject.now();
      subject.plane.apply({
        type: 'installKeypair',
        peer: PEER,
        keypair: {
          localIndex: options.localIndex ?? LOCAL_INDEX,
          remoteIndex: REMOTE_INDEX,
          ...keys,
          isInitiator: options.isInitiator ?? true,
          createdAt,
          ...(options.sendCounter !== undefined && { sendCounter: options.sendCounter }),
        },
      });
    };
    const eventOf = <T extends DataPlaneEvent['type']>(type: T) =>
      waitFor(() => {
        const found = events.find((e) => e.type === type);
        if (!found) throw new Error(`no ${type} event among ${events.map((e) => e.type)}`);
        return found as Extract<DataPlaneEvent, { type: T }>;
      });
    const received = (count: number) =>
      waitFor(() => {
        if (subject.tun.received.length < count) throw new Error('no packet');
        return subject.tun.received;
      });
    /** After it, everything sent to the plane before has been worked on. */
    const settle = async (): Promise<void> => {
      const before = events.length;
      remote.send(handshakeLike());
      await waitFor(() => {
        if (!events.slice(before).some((e) => e.type === 'handshake')) throw new Error('waiting');
      });
    };

    it('seals packets, padded to 16 but not beyond the MTU, with counters from 0', async () => {
      addPeer();
      install();
      const sizes = [20, 21, 36, 37, 1000, subject.mtu - 1, subject.mtu];
      for (const size of sizes)
        subject.tun.inject(ipPacket(OURS, THEIRS, new Uint8Array(size - 20)));
      await remote.datagrams(sizes.length);
      for (const [i, size] of sizes.entries()) {
        const datagram = remote.seen[i] as Buffer;
        const padded = Math.min(Math.ceil(size / 16) * 16, subject.mtu);
        expect(datagram.length).toBe(32 + padded);
        expect([...datagram.subarray(0, 4)]).toEqual([4, 0, 0, 0]);
        expect(datagram.readUInt32LE(4)).toBe(REMOTE_INDEX);
        expect(datagram.readBigUInt64LE(8)).toBe(BigInt(i));
      }
      expect(remote.packets.map((p) => p.length)).toEqual(sizes);
    });

    it('opens packets of both families and reports traffic', async () => {
      addPeer();
      install();
      const packets = [ipPacket(THEIRS, OURS, 'one'), ipPacket(THEIRS6, OURS6, 'two')];
      for (const packet of packets) remote.sealAndSend(packet);
      expect(await received(2)).toEqual(packets);
      const traffic = await eventOf('traffic');
      expect(traffic).toMatchObject({ peer: PEER, dataReceived: true, dataSent: false });
      const { rxBytes, txBytes } = subject.plane.transfer(PEER);
      expect(rxBytes).toBe(BigInt(remote.sent.reduce((sum, d) => sum + d.length, 0)));
      expect(txBytes).toBe(0n);
    });

    it('tells keepalives from data', async () => {
      addPeer();
      install();
      subject.plane.apply({ type: 'sendKeepalive', peer: PEER });
      await remote.datagrams(1);
      expect(remote.seen[0]?.length).toBe(32);
      expect(await eventOf('traffic')).toMatchObject({ keepaliveSent: true, dataSent: false });
      events.length = 0;
      remote.sendKeepalive();
      expect(await eventOf('traffic')).toMatchObject({
        keepaliveReceived: true,
        dataReceived: false,
      });
      expect(subject.tun.received).toEqual([]);
    });

    it('delivers a repeated datagram once', async () => {
      addPeer();
      install();
      remote.sealAndSend(ipPacket(THEIRS, OURS, 'once'));
      await received(1);
      for (let i = 0; i < 5; i++) remote.send(remote.sent[0] as Buffer);
      await settle();
      expect(subject.tun.received).toHaveLength(1);
    });

    it('is silent about forged, truncated and unknown datagrams', async () => {
      addPeer();
      install();
      remote.sealAndSend(ipPacket(THEIRS, OURS, 'good'));
      await received(1);
      const good = remote.sent[0] as Buffer;
      for (let byte = 0; byte < good.length; byte++) {
        const forged = Buffer.from(good);
        // A fresh counter, so that it is the tag and not the replay window that refuses.
        forged.writeBigUInt64LE(BigInt(100 + byte), 8);
        forged[byte] = (forged[byte] as number) ^ 0x40;
        remote.send(forged);
        remote.send(good.subarray(0, byte));
      }
      await settle();
      expect(subject.tun.received).toHaveLength(1);
      expect(events.filter((e) => e.type !== 'handshake' && e.type !== 'traffic')).toEqual([]);
      expect(remote.seen).toEqual([]);
    });

    it('drops inner sources that are not the peer’s, and trims padding', async () => {
      addPeer();
      install();
      const good = ipPacket(THEIRS, OURS, 'x');
      remote.sealAndSend(ipPacket('10.9.0.3', OURS, 'spoofed'));
      remote.sealAndSend(ipPacket('fd09::3', OURS6, 'spoofed'));
      remote.sealAndSend(good);
      expect(await received(1)).toEqual([good]);
    });

    it('sends handshake messages up and down untouched', async () => {
      addPeer();
      const message = handshakeLike();
      remote.send(message);
      expect(await eventOf('handshake')).toEqual({
        type: 'handshake',
        messageType: 1,
        message: new Uint8Array(message),
        from: remote.endpoint,
      });
      subject.plane.apply({ type: 'sendHandshake', peer: PEER, message: randomBytes(92) });
      subject.plane.apply({
        type: 'sendCookieReply',
        to: remote.endpoint,
        message: randomBytes(64),
      });
      await remote.datagrams(2);
      expect(remote.seen.map((d) => d.length)).toEqual([92, 64]);
    });

    it('stages the newest 128 packets until there is a key', async () => {
      addPeer();
      const packets = Array.from({ length: 140 }, (_, i) => ipPacket(OURS, THEIRS, `p${i}`));
      for (const packet of packets) subject.tun.inject(packet);
      expect(await eventOf('needsHandshake')).toEqual({ type: 'needsHandshake', peer: PEER });
      // The reply to a packet without a peer says that those before it have been taken.
      subject.tun.inject(ipPacket(OURS, NOBODY, 'the last'));
      await received(1);
      install();
      subject.plane.apply({ type: 'sendKeepalive', peer: PEER });
      await remote.datagrams(128);
      expect(remote.packets).toEqual(packets.slice(12));
    });

    it('drops staged packets on request', async () => {
      addPeer();
      subject.tun.inject(ipPacket(OURS, THEIRS, 'lost'));
      await eventOf('needsHandshake');
      subject.plane.apply({ type: 'dropStaged', peer: PEER });
      install();
      subject.plane.apply({ type: 'sendKeepalive', peer: PEER });
      await remote.datagrams(1);
      expect(remote.seen[0]?.length).toBe(32);
    });

    it('does not send under the responder’s key before it is confirmed', async () => {
      addPeer();
      install({ isInitiator: false });
      subject.tun.inject(ipPacket(OURS, THEIRS, 'waits'));
      await eventOf('needsHandshake');
      expect(remote.seen).toEqual([]);
      remote.sendKeepalive();
      expect(await eventOf('keyConfirmed')).toMatchObject({ localIndex: LOCAL_INDEX });
      await remote.datagrams(1);
      expect(remote.packets).toEqual([ipPacket(OURS, THEIRS, 'waits')]);
    });

    it('roams to the source of an authentic message only', async () => {
      addPeer({ address: '127.0.0.1', port: 9 });
      install();
      remote.send(handshakeLike());
      await settle();
      expect(events.some((e) => e.type === 'roamed')).toBe(false);
      remote.sendKeepalive();
      expect(await eventOf('roamed')).toEqual({
        type: 'roamed',
        peer: PEER,
        endpoint: remote.endpoint,
      });
      subject.tun.inject(ipPacket(OURS, THEIRS, 'follows'));
      await remote.datagrams(1);
      expect(remote.packets).toHaveLength(1);
    });

    it('neither sends nor accepts anything under a key older than REJECT_AFTER_TIME', async () => {
      addPeer();
      install({ createdAt: subject.now() - REJECT_AFTER_TIME });
      remote.sealAndSend(ipPacket(THEIRS, OURS, 'late'));
      await settle();
      expect(subject.tun.received).toEqual([]);
      subject.tun.inject(ipPacket(OURS, THEIRS, 'late'));
      await eventOf('needsHandshake');
      expect(remote.seen).toEqual([]);
    });

    it('stops at REJECT_AFTER_MESSAGES and asks for another key', async () => {
      addPeer();
      install({ sendCounter: REJECT_AFTER_MESSAGES - 2n });
      for (let i = 0; i < 4; i++) subject.tun.inject(ipPacket(OURS, THEIRS, `${i}`));
      await remote.datagrams(2);
      await eventOf('needsHandshake');
      await settle();
      expect(remote.seen.map((d) => d.readBigUInt64LE(8))).toEqual([
        REJECT_AFTER_MESSAGES - 2n,
        REJECT_AFTER_MESSAGES - 1n,
      ]);
    });

    it('forgets keys and peers on request', async () => {
      addPeer();
      install();
      subject.plane.apply({ type: 'dropKeypairs', peer: PEER });
      remote.sealAndSend(ipPacket(THEIRS, OURS, 'dropped'));
      await settle();
      install({ localIndex: LOCAL_INDEX + 1 });
      subject.plane.apply({ type: 'removePeer', peer: PEER });
      remote.sealAndSend(ipPacket(THEIRS, OURS, 'removed'));
      await settle();
      expect(subject.tun.received).toEqual([]);
      expect(subject.plane.transfer(PEER)).toEqual({ rxBytes: 0n, txBytes: 0n });
    });

    it('answers a packet without a peer by ICMP', async () => {
      addPeer();
      subject.tun.inject(ipPacket(OURS, '10.77.0.1', 'nobody'));
      const [reply] = await received(1);
      expect(reply?.[9]).toBe(1);
      expect([reply?.[20], reply?.[21]]).toEqual([3, 1]);
      expect(remote.seen).toEqual([]);
    });

    it('closes twice and is silent afterwards', async () => {
      addPeer();
      install();
      await subject.plane.close();
      await subject.plane.close();
      expect(subject.tun.closed).toBe(true);
      subject.plane.apply({ type: 'sendKeepalive', peer: PEER });
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(remote.seen).toEqual([]);
    });
  });
}

/** What has the form of an initiation: enough for a data plane, which does not look inside. */
function handshakeLike(): Buffer {
  const message = randomBytes(148);
  message.set([1, 0, 0, 0]);
  return message;
}
