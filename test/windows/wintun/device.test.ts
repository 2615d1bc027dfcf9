/** Adapters as the data planes have them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { openWintunRing, openWintunTun, type WintunTun } from '../../../tun/windows/device.js';
import { adapterGuid } from '../../../tun/windows/wintun/guid.js';
import { ipPacket } from '../../support/packets.js';
import { waitFor } from '../../support/waiting.js';
import { FarEnd, WintunDouble } from '../support/wintundouble.js';

const double = new WintunDouble();
const NAME = 'OfficeNet';

const opened: { close(): void }[] = [];
afterEach(() => {
  for (const one of opened.splice(0).reverse()) one.close();
});

interface Started {
  readonly tun: WintunTun;
  readonly far: FarEnd;
  readonly packets: Uint8Array[];
  readonly errors: Error[];
  readonly notes: string[];
}

async function start(name = NAME, ringCapacity = 0x20000): Promise<Started> {
  const notes: string[] = [];
  const onNote = (note: string): void => void notes.push(note);
  const tun = openWintunTun(name, { library: double.path, ringCapacity, onNote });
  opened.push(tun);
  const far = await FarEnd.open(double, name);
  opened.push(far);
  const packets: Uint8Array[] = [];
  const errors: Error[] = [];
  tun.start(
    (batch) => packets.push(...batch.map((packet) => packet.slice())),
    (error) => errors.push(error),
  );
  return { tun, far, packets, errors, notes };
}

const numbered = (number: number, size = 100): Uint8Array => {
  const payload = new Uint8Array(size);
  new DataView(payload.buffer).setUint32(0, number);
  return ipPacket('10.9.0.1', '10.9.0.2', payload);
};

describe('openWintunTun', () => {
  it('makes an adapter with the GUID of its identity', () => {
    const options = { library: double.path, identity: 'office of a user' };
    opened.push(openWintunTun(NAME, options));
    expect(double.guid(NAME)).toEqual(adapterGuid('office of a user'));
  });

  it('delivers what comes, at once and in order', async () => {
    const { far, packets } = await start();
    for (let i = 0; i < 200; i++) far.inject(numbered(i));
    await waitFor(() => expect(packets).toHaveLength(200));
    expect(packets).toEqual(Array.from({ length: 200 }, (_, i) => numbered(i)));
    await sleep(300);
    const before = performance.now();
    far.inject(numbered(7));
    await waitFor(() => expect(packets).toHaveLength(201));
    expect(performance.now() - before).toBeLessThan(80);
  });

  it('writes in order', async () => {
    const { tun, far } = await start();
    for (let i = 0; i < 50; i++) expect(tun.write(numbered(i, 1000))).toBe(true);
    await waitFor(() => expect(far.received).toHaveLength(50));
    expect(far.received.map((packet) => new Uint8Array(packet))).toEqual(
      Array.from({ length: 50 }, (_, i) => numbered(i, 1000)),
    );
  });

  it('drops and counts when the ring is full', async () => {
    const { tun } = await start();
    double.pause(NAME, 1);
    const results = Array.from({ length: 3 }, () => tun.write(numbered(0, 60_000)));
    expect(results).toEqual([true, true, false]);
    expect(tun.dropped).toBe(1);
    double.pause(NAME, 0);
  });

  it('gives way to others while packets come without end', async () => {
    const { packets } = await start();
    double.flood(NAME, numbered(1));
    let turns = 0;
    const end = performance.now() + 200;
    while (performance.now() < end) {
      await new Promise((resolve) => setImmediate(resolve));
      turns++;
    }
    double.flood(NAME, null);
    expect(turns).toBeGreaterThan(5);
    expect(packets.length).toBeGreaterThan(500);
  });

  it('serves several adapters at once', async () => {
    const all = await Promise.all(['OfficeNet', 'HomeNet', 'Data Center'].map((n) => start(n)));
    for (const [i, { far }] of all.entries()) far.inject(numbered(i));
    for (const [i, { packets }] of all.entries())
      await waitFor(() => expect(packets).toEqual([numbered(i)]));
    all[0]?.tun.close();
    all[1]?.far.inject(numbered(9));
    await waitFor(() => expect(all[1]?.packets).toHaveLength(2));
  });

  it('finds a packet whose signal was missed', async () => {
    const { far, packets } = await start();
    far.inject(numbered(0));
    await waitFor(() => expect(packets).toHaveLength(1));
    await sleep(200);
    double.missSignals(NAME, 1);
    const before = performance.now();
    far.inject(numbered(1));
    await waitFor(() => expect(packets).toHaveLength(2));
    expect(performance.now() - before).toBeLessThan(500);
  });

  it('mends a corrupt ring by another session', async () => {
    const { tun, far, packets, errors, notes } = await start();
    double.corrupt(NAME);
    await waitFor(() => expect(notes.join()).toContain('corrupt'));
    far.inject(numbered(1));
    await waitFor(() => expect(packets).toEqual([numbered(1)]));
    expect(tun.write(numbered(2))).toBe(true);
    await waitFor(() => expect(far.received).toHaveLength(1));
    expect(errors).toEqual([]);
  });

  it('gives up a ring that breaks again and again', async () => {
    const { errors } = await start();
    for (let i = 0; i < 12 && errors.length === 0; i++) {
      double.corrupt(NAME);
      await sleep(30);
    }
    await waitFor(() => expect(errors[0]?.message).toContain('ERROR_INVALID_DATA (13)'));
  });

  it('reports when the adapter is torn away, and can be closed', async () => {
    const { tun, errors } = await start();
    double.tear(NAME);
    await waitFor(() => expect(errors).toHaveLength(1));
    expect(errors[0]).toMatchObject({ code: 'ERR_TUN', windowsCode: 38 });
    expect(tun.write(numbered(1))).toBe(false);
  });

  it('is gone after close, and may be made again at once', async () => {
    const { tun } = await start();
    tun.close();
    tun.close();
    expect(tun.write(numbered(1))).toBe(false);
    const { far, packets } = await start();
    far.inject(numbered(3));
    await waitFor(() => expect(packets).toEqual([numbered(3)]));
  });

  it('leaves nothing behind when it fails half way', () => {
    double.fail('WintunStartSession', 5);
    const open = () => openWintunTun(NAME, { library: double.path });
    expect(open).toThrow('WintunStartSession failed with ERROR_ACCESS_DENIED (5)');
    opened.push(open());
  });
});

describe('openWintunRing', () => {
  it('has what another one needs to work with the rings', () => {
    const ring = openWintunRing(NAME, { library: double.path });
    opened.push(ring);
    expect(ring.luid >> 48n).toBe(53n);
    expect(ring.module).toBeGreaterThan(0n);
    const { session } = ring;
    expect(session).toBeGreaterThan(0n);
    expect(ring.restart()).not.toBe(session);
    expect(ring.session).not.toBe(session);
    ring.close();
    ring.close();
  });
});
