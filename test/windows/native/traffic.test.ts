/** The native plane on Windows: what it writes, sends and reports. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { loadNativeLibrary } from '../../../native/binding.js';
import { EXPECTED_LAYOUT } from '../../../native/layout.js';
import type { PlaneOffload } from '../../../native/offloads.js';
import { loadOpenssl } from '../../../native/providers.js';
import { bytesFrom, Flag, isIntact, makePacket } from '../../native/offload-packets.js';
import { ipPacket } from '../../support/packets.js';
import { until } from '../../support/waiting.js';
import { OURS, OURS6, openSession, type Session, statisticsOf, THEIRS, THEIRS6 } from './setup.js';

describe('the library', () => {
  it('has structs and a cipher as expected', () => {
    const library = loadNativeLibrary();
    const out = new Uint32Array(64);
    const count = library.layout(new Uint8Array(out.buffer), out.length);
    expect([...out.subarray(0, count)]).toEqual(EXPECTED_LAYOUT);
    expect(library.selectCrypto(0)).toBe("OpenSSL's EVP");
  });

  it('is not the only one that calls OpenSSL in node.exe', () => {
    expect(loadOpenssl()).toBeDefined();
  });
});

const FAMILIES = [
  { family: 4, source: THEIRS, destination: OURS },
  { family: 6, source: THEIRS6, destination: OURS6 },
] as const;

/** Packets of a TCP flow, each with `size` bytes but the last. */
function flowOf(
  { family, source, destination }: (typeof FAMILIES)[number],
  sizes: readonly number[],
): { packets: Uint8Array[]; payload: Uint8Array } {
  let sequence = 0xffff_f000;
  const payloads = sizes.map((size, i) => new Uint8Array(size).map((_, at) => at * 7 + i));
  const packets = payloads.map((payload, i) => {
    const packet = makePacket({
      family,
      protocol: 6,
      source,
      destination,
      sequence,
      id: i,
      flags: Flag.ack,
      payload,
    });
    sequence = (sequence + payload.length) >>> 0;
    return packet;
  });
  return { packets, payload: bytesFrom(...payloads) };
}

/** A session whose plane finds all of `packets` waiting when it starts. */
async function sessionWith(
  packets: readonly Uint8Array[],
  without: readonly PlaneOffload[] = [],
): Promise<Session> {
  const session = await openSession({ isStarted: false, without });
  for (const packet of packets) session.remote.sealAndSend(packet);
  await sleep(50);
  session.plane.start();
  return session;
}

describe('packets of a TCP flow', () => {
  it.each(FAMILIES)('become one with right lengths and checksums (IPv$family)', async (ends) => {
    const { packets, payload } = flowOf(ends, [...Array(40).fill(1361), 77]);
    const { system } = await sessionWith(packets);
    await until('all is written', () => system.received.length > 0);
    expect(system.received).toHaveLength(1);
    const [written = new Uint8Array()] = system.received;
    const headers = ends.family === 4 ? 40 : 60;
    const view = new DataView(written.buffer);
    expect(ends.family === 4 ? view.getUint16(2) : view.getUint16(4) + 40).toBe(written.length);
    expect(isIntact(written)).toBe(true);
    expect(Buffer.compare(written.subarray(headers), payload)).toBe(0);
  });

  it('are written one by one when joining is off', async () => {
    const { packets } = flowOf(FAMILIES[0], Array(10).fill(1000));
    const { system } = await sessionWith(packets, ['tcp-coalescing']);
    await until('all are written', () => system.received.length === packets.length);
    expect(system.received).toEqual(packets);
  });

  it('of UDP are never joined', async () => {
    const packets = Array.from({ length: 10 }, (_, i) =>
      makePacket({
        family: 4,
        protocol: 17,
        source: THEIRS,
        destination: OURS,
        id: i,
        payload: new Uint8Array(1000).fill(i),
      }),
    );
    const { system } = await sessionWith(packets);
    await until('all are written', () => system.received.length === packets.length);
    expect(system.received).toEqual(packets);
  });
});

describe('sending', () => {
  const packet = ipPacket(OURS, THEIRS, 'out');

  it('stops while there is no interface for it, and is counted', async () => {
    const session = await openSession();
    session.plane.bindInterface?.(4, undefined);
    session.system.inject(packet);
    await until('it is lost', () => statisticsOf(session).udpSendErrors === 1);
    expect(statisticsOf(session).lastSendError).toBe(10051);
    session.plane.bindInterface?.(6, undefined);
    session.plane.bindInterface?.(4, 1);
    session.system.inject(packet);
    await session.remote.datagrams(1);
    expect(statisticsOf(session).udpSendErrors).toBe(1);
  });

  it('leaves datagrams whole where Windows cannot cut them', async () => {
    const session = await openSession();
    for (let i = 0; i < 50; i++) session.system.inject(packet);
    await until('all are opened', () => session.remote.packets.length === 50);
    const { udpDatagramsSent, udpSends } = statisticsOf(session);
    expect(udpDatagramsSent).toBe(50);
    expect(udpSends).toBe(50);
  });

  it('survives an answer that the port is not open', async () => {
    const session = await openSession();
    const gone = { address: '127.0.0.1', port: 9 };
    for (let i = 0; i < 5; i++)
      session.plane.apply({ type: 'sendCookieReply', to: gone, message: new Uint8Array(64) });
    await sleep(50);
    session.remote.sealAndSend(ipPacket(THEIRS, OURS, 'in'));
    await until('it is written', () => session.system.received.length === 1);
  });

  it('uses the MTU that is set', async () => {
    const session = await openSession();
    const odd = ipPacket(OURS, THEIRS, new Uint8Array(1281 - 20));
    session.system.inject(odd);
    await session.remote.datagrams(1);
    session.plane.setMtu(1281);
    session.system.inject(odd);
    await session.remote.datagrams(2);
    expect(session.remote.seen.map(({ length }) => length)).toEqual([32 + 1296, 32 + 1281]);
  });
});

describe('the doorbell', () => {
  it('rings at once, as a datagram wakes its thread at once', async () => {
    const session = await openSession({ spinMicroseconds: 0 });
    const handshakes = () => session.events.filter(({ type }) => type === 'handshake').length;
    const message = new Uint8Array(148);
    message[0] = 1;
    const times: number[] = [];
    for (let i = 1; i <= 5; i++) {
      await sleep(30);
      const start = performance.now();
      session.remote.send(message);
      await until('it is told', () => handshakes() === i);
      times.push(performance.now() - start);
    }
    expect(Math.min(...times)).toBeLessThan(40);
  });

  it('is heard when it rang before there was a listener', async () => {
    const session = await openSession({ isStarted: false });
    session.plane.apply({ type: 'sendKeepalive', peer: 7 });
    await sleep(50);
    expect(session.events).toEqual([]);
    session.plane.start();
    await until('it is told', () => session.events.some(({ type }) => type === 'traffic'));
  });

  it('cannot hold up a thread: a busy event loop finds everything later', async () => {
    const session = await openSession();
    const message = new Uint8Array(148);
    message[0] = 1;
    for (let i = 0; i < 40; i++) session.remote.send(message);
    await sleep(20);
    const busyUntil = performance.now() + 100;
    while (performance.now() < busyUntil);
    const handshakes = () => session.events.filter(({ type }) => type === 'handshake').length;
    await until('all are told', () => handshakes() === 40);
  });
});
