/** The traffic of the demo, between two machines with nothing or something bad between them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { echoPackets } from '../../cli/pair/line.js';
import type { AddressPair } from '../../cli/pair/packets.js';
import { echoRequests, Pinger } from '../../cli/pair/pinger.js';
import { measureThroughput, PACKET_BYTES } from '../../cli/pair/throughput.js';
import { MemoryTun, memoryTunPair } from '../../src/index.js';
import { ip, onesComplementSum } from '../support/packets.js';

const ADDRESSES: AddressPair = [ip('10.77.0.2'), ip('10.77.0.1')];
const V6_ADDRESSES: AddressPair = [ip('fd77::2'), ip('fd77::1')];
const SHORTLY_MS = 350;
const never = new AbortController().signal;

/** What is written to the first comes out of the second, if `pass` hands it on. */
function way(pass: (packet: Uint8Array, handOn: (packet: Uint8Array) => void) => void) {
  const [from, to] = [new MemoryTun(), new MemoryTun()] as const;
  from.connect((packet) => {
    pass(packet.slice(), (one) => to.inject(one));
    return true;
  });
  return [from, to] as const;
}

function measure(
  between: ReturnType<typeof way>,
  signal: AbortSignal = never,
): ReturnType<typeof measureThroughput> {
  return measureThroughput(between, ADDRESSES, SHORTLY_MS, signal, () => undefined);
}

describe('the throughput of the demo', () => {
  it('is that of packets that arrived, which are whole IPv4 packets', async () => {
    let arrived = 0;
    let first: Uint8Array | undefined;
    const samples: number[] = [];
    const between = way((packet, handOn) => {
      first ??= packet;
      arrived++;
      handOn(packet);
    });
    const startedAt = performance.now();
    const onSample = (sample: number): void => void samples.push(sample);
    const result = await measureThroughput(between, ADDRESSES, SHORTLY_MS, never, onSample);
    const bits = result.packets * PACKET_BYTES * 8;
    expect(result.lost).toBe(0);
    expect(result.packets).toBeGreaterThan(1000);
    // Those under way at the end are no part of it.
    expect(arrived - result.packets).toBeLessThanOrEqual(64);
    expect(result.megabits).toBeGreaterThanOrEqual(bits / (performance.now() - startedAt) / 1000);
    expect(result.megabits).toBeLessThanOrEqual(bits / SHORTLY_MS / 1000);
    expect(samples.length).toBeGreaterThan(1);
    expect(first).toHaveLength(PACKET_BYTES);
    expect(onesComplementSum(first?.subarray(0, 20) ?? new Uint8Array())).toBe(0xffff);
  });

  it.each([100, 0, PACKET_BYTES - 1])('finds damage at byte %i', async (at) => {
    let count = 0;
    const between = way((packet, handOn) => {
      if (++count === 50) packet[at] = (packet[at] ?? 0) ^ 1;
      handOn(packet);
    });
    await expect(measure(between)).rejects.toThrow('1 packets differ from what was sent');
  });

  it('finds one that is too short', async () => {
    const between = way((packet, handOn) => handOn(packet.subarray(0, PACKET_BYTES - 1)));
    await expect(measure(between)).rejects.toThrow('differ from what was sent');
  });

  it('counts what is lost, and counts no packet twice', async () => {
    let count = 0;
    const between = way((packet, handOn) => {
      if (++count % 10 === 0) return;
      handOn(packet);
      handOn(packet);
    });
    const { packets, lost } = await measure(between);
    expect(packets).toBeLessThanOrEqual(count * 0.9 + 1);
    expect(lost).toBeGreaterThan(0);
    expect(Math.abs(lost - packets / 9)).toBeLessThan(100);
  });

  it('goes on after a whole window was lost', async () => {
    let count = 0;
    const between = way((packet, handOn) => {
      if (++count > 64) handOn(packet);
    });
    const { packets, lost } = await measure(between);
    expect(lost).toBe(64);
    expect(packets).toBeGreaterThan(100);
  });

  it('cannot be measured when nothing arrives, or when it is interrupted', async () => {
    await expect(measure(way(() => undefined))).rejects.toThrow('no packet came through');
    const reason = new Error('interrupted');
    const signal = AbortSignal.abort(reason);
    const open = way((packet, handOn) => handOn(packet));
    await expect(measure(open, signal)).rejects.toBe(reason);
  });
});

describe('the pings of the demo', () => {
  it('come back in both families', async () => {
    const [client, server] = memoryTunPair();
    echoPackets(server);
    const pinger = new Pinger(client);
    const requests = echoRequests([ADDRESSES, V6_ADDRESSES]);
    const all = await pinger.during(requests, 2, never, () => pinger.moreReplies(6, never));
    expect(all.sent).toBeGreaterThanOrEqual(6);
    expect(all.lost).toBe(0);
    expect(pinger.received).toBe(all.sent);
    expect(pinger.times).toHaveLength(all.sent);
    // Another time starts anew.
    await pinger.during(requests, 2, never, async () => {
      expect([pinger.sent, pinger.received, pinger.times]).toEqual([0, 0, []]);
    });
  });

  it('are lost when no correct answer comes', async () => {
    const [client, server] = memoryTunPair();
    server.start(
      (packets) => {
        // As it was sent: no answer.
        for (const packet of packets) server.write(packet);
      },
      () => undefined,
    );
    const pinger = new Pinger(client);
    const requests = echoRequests([ADDRESSES]);
    const { sent, lost } = await pinger.during(requests, 5, never, () => sleep(30).then());
    expect(sent).toBeGreaterThan(0);
    expect(lost).toBe(sent);
    expect(pinger.lost).toBe(sent);
  });
});
