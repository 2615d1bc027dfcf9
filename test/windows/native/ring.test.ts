/** The native plane and the rings of an adapter, when something is wrong with them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ipPacket } from '../../support/packets.js';
import { until } from '../../support/waiting.js';
import { OURS, openSession, type Session, statisticsOf, THEIRS } from './setup.js';

const SMALLEST_RING = 128 * 1024;

const out = (text: string): Uint8Array => ipPacket(OURS, THEIRS, text);
const back = (text: string): Uint8Array => ipPacket(THEIRS, OURS, text);

/** A packet goes each way. */
async function expectTraffic({ system, remote }: Session, text: string): Promise<void> {
  system.inject(out(text));
  await until('a packet is sent', () => remote.packets.length > 0);
  expect(remote.packets.splice(0)).toEqual([out(text)]);
  remote.sealAndSend(back(text));
  await until('a packet is written', () => system.received.length > 0);
  expect(system.received.splice(0)).toEqual([back(text)]);
}

describe('a ring', () => {
  it.each([1, 2] as const)('that is corrupt is replaced (%s threads)', async (threadsPerWorker) => {
    const session = await openSession({ threadsPerWorker });
    await expectTraffic(session, 'before');
    for (let i = 1; i <= 3; i++) {
      session.double.corrupt(session.name);
      await until('the session is another one', () => session.restarts() === i);
      await expectTraffic(session, `after ${i}`);
    }
    expect(session.tunErrors).toEqual([]);
  });

  it('that cannot be replaced is the end of the adapter', async () => {
    const session = await openSession({
      ring: (ring) => ({
        ...ring,
        restart() {
          ring.restart();
          throw new Error('no session any more');
        },
      }),
    });
    session.double.corrupt(session.name);
    await until('it is told', () => session.tunErrors.length > 0);
    expect(session.tunErrors).toEqual([13]);
    session.remote.sealAndSend(back('lost'));
    await until('a packet is lost', () => statisticsOf(session).tunWriteErrors === 1);
  });

  it('is used while it is replaced under load, and no longer after its end', async () => {
    const session = await openSession();
    session.double.flood(session.name, out('flood'));
    for (let i = 1; i <= 3; i++) {
      await sleep(20);
      session.double.corrupt(session.name);
      for (let n = 0; n < 20; n++) session.remote.sealAndSend(back(`${n}`));
      await until('the session is another one', () => session.restarts() === i);
    }
    session.double.flood(session.name, null);
    expect(session.tunErrors).toEqual([]);
  });

  it('that is full drops packets and counts them, and goes on afterwards', async () => {
    const session = await openSession({ ringCapacity: SMALLEST_RING });
    session.double.pause(session.name, 1);
    const packet = ipPacket(THEIRS, OURS, new Uint8Array(1300));
    for (let i = 0; i < 200; i++) session.remote.sealAndSend(packet);
    await until('packets are dropped', () => {
      const { tunWrites, tunWriteErrors } = statisticsOf(session);
      return tunWrites === 200 && tunWriteErrors > 50;
    });
    const lost = statisticsOf(session).tunWriteErrors;
    expect(session.tunErrors).toEqual([]);
    session.double.pause(session.name, 0);
    await until('the others arrive', () => session.system.received.length === 200 - lost);
    session.system.received.length = 0;
    await expectTraffic(session, 'again');
  });

  it('whose wake-up is missed is checked in time', async () => {
    const session = await openSession({ spinMicroseconds: 0 });
    await expectTraffic(session, 'once');
    await sleep(150);
    for (let i = 0; i < 3; i++) {
      const { signals } = session.double.counters(session.name);
      session.double.missSignals(session.name, 1);
      const start = performance.now();
      session.system.inject(out(`missed ${i}`));
      await until('it is sent', () => session.remote.packets.length === i + 1);
      expect(performance.now() - start).toBeLessThan(400);
      expect(session.double.counters(session.name).signals - signals).toBeLessThan(2);
    }
  });

  it('wakes its thread at once otherwise', async () => {
    const session = await openSession({ spinMicroseconds: 0 });
    const times: number[] = [];
    for (let i = 0; i < 5; i++) {
      await sleep(30);
      const start = performance.now();
      session.system.inject(out(`${i}`));
      await until('it is sent', () => session.remote.packets.length === i + 1);
      times.push(performance.now() - start);
    }
    expect(Math.min(...times)).toBeLessThan(40);
  });

  it('of an adapter that is torn away ends the tunnel', async () => {
    const session = await openSession();
    await expectTraffic(session, 'before');
    session.double.flood(session.name, out('flood'));
    session.double.tear(session.name);
    session.remote.sealAndSend(back('late'));
    await until('it is told', () => session.tunErrors.length > 0);
    expect(session.tunErrors).toEqual([38]);
    expect(session.restarts()).toBe(0);
    // Nobody runs in circles about it.
    await sleep(50);
    const { sleeps } = statisticsOf(session);
    const calls = session.double.calls('WintunReceivePacket');
    await sleep(250);
    expect(session.double.calls('WintunReceivePacket')).toBe(calls);
    expect(statisticsOf(session).sleeps - sleeps).toBeLessThan(20);
  });

  it('is left in peace while nothing comes', async () => {
    const session = await openSession();
    await sleep(100);
    const { sleeps } = statisticsOf(session);
    const calls = session.double.calls('WintunReceivePacket');
    await sleep(500);
    expect(statisticsOf(session).sleeps - sleeps).toBeLessThan(30);
    expect(session.double.calls('WintunReceivePacket') - calls).toBeLessThan(60_000);
  });
});
