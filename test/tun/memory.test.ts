import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { MemoryTun, memoryTunPair } from '../../tun/memory.js';

const packet = (n: number): Uint8Array => Uint8Array.of(0x45, n);

function collect(tun: MemoryTun): { packets: number[]; batches: number[]; errors: Error[] } {
  const seen = { packets: [] as number[], batches: [] as number[], errors: [] as Error[] };
  tun.start(
    (batch) => {
      seen.batches.push(batch.length);
      for (const bytes of batch) seen.packets.push(bytes[1] as number);
    },
    (error) => seen.errors.push(error),
  );
  return seen;
}

describe('the interface in memory', () => {
  it('delivers what the system sends, later and in order', async () => {
    const tun = new MemoryTun();
    const seen = collect(tun);
    for (const n of [1, 2, 3]) expect(tun.inject(packet(n))).toBe(true);
    expect(seen.packets).toEqual([]);
    await turn();
    expect(seen.packets).toEqual([1, 2, 3]);
  });

  it('keeps what came before it was started', async () => {
    const tun = new MemoryTun();
    tun.inject(packet(7));
    await turn();
    const seen = collect(tun);
    await turn();
    expect(seen.packets).toEqual([7]);
  });

  it('gives large queues in batches', async () => {
    const tun = new MemoryTun();
    const seen = collect(tun);
    for (let n = 0; n < 150; n++) tun.inject(packet(n));
    for (let turns = 0; turns < 3; turns++) await turn();
    expect(seen.batches).toEqual([64, 64, 22]);
    expect(seen.packets).toEqual(Array.from({ length: 150 }, (_, n) => n));
  });

  it('wipes its buffers after the call', async () => {
    const tun = new MemoryTun();
    let kept: Uint8Array | undefined;
    tun.start(
      ([first]) => {
        kept = first;
      },
      () => undefined,
    );
    tun.inject(packet(9));
    await turn();
    expect(kept).toEqual(Uint8Array.of(0, 0));
  });

  it('copies in both directions', async () => {
    const tun = new MemoryTun();
    const seen = collect(tun);
    const bytes = packet(1);
    tun.inject(bytes);
    tun.write(bytes);
    bytes.fill(0xff);
    await turn();
    expect(seen.packets).toEqual([1]);
    expect(tun.received).toEqual([packet(1)]);
  });

  it('drops and counts what does not fit', () => {
    const tun = new MemoryTun({ capacity: 2 });
    expect([1, 2, 3].map((n) => tun.inject(packet(n)))).toEqual([true, true, false]);
    expect([1, 2, 3].map((n) => tun.write(packet(n)))).toEqual([true, true, false]);
    expect(tun.dropped).toBe(2);
    expect(tun.received).toHaveLength(2);
  });

  it('is silent once closed', async () => {
    const tun = new MemoryTun();
    const seen = collect(tun);
    tun.inject(packet(1));
    tun.close();
    tun.close();
    await turn();
    expect(seen.packets).toEqual([]);
    expect(tun.inject(packet(2))).toBe(false);
    expect(tun.write(packet(2))).toBe(false);
    expect(tun.closed).toBe(true);
  });

  it('fails once', async () => {
    const tun = new MemoryTun();
    const seen = collect(tun);
    tun.inject(packet(1));
    tun.fail(new Error('gone'));
    await turn();
    await turn();
    expect(seen.errors.map((error) => error.message)).toEqual(['gone']);
    expect(seen.packets).toEqual([]);
  });

  it('cannot be started twice', () => {
    const tun = new MemoryTun();
    collect(tun);
    expect(() => collect(tun)).toThrow('already been started');
  });
});

describe('two interfaces back to back', () => {
  it('carry packets both ways', async () => {
    const [a, b] = memoryTunPair();
    const atA = collect(a);
    const atB = collect(b);
    expect(a.write(packet(1))).toBe(true);
    expect(b.write(packet(2))).toBe(true);
    await turn();
    expect(atB.packets).toEqual([1]);
    expect(atA.packets).toEqual([2]);
    expect([a.name, b.name]).toEqual(['memory0', 'memory1']);
  });

  it('refuse a packet when the other end is closed or full', () => {
    const [a, b] = memoryTunPair({ capacity: 1 });
    expect([a.write(packet(1)), a.write(packet(2))]).toEqual([true, false]);
    b.close();
    expect(a.write(packet(3))).toBe(false);
  });
});
