import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { Namespace } from './lab.js';
import type { Running } from './process.js';

const TRANSFER: string = fileURLToPath(new URL('./transfer.mjs', import.meta.url));
const STREAM_PORT = '5300';
const DATAGRAM_PORT = '5301';
const MIB = 1024 * 1024;

interface Way {
  readonly bytes: number;
  readonly sha256: string;
}

interface Ways {
  readonly sent: Way;
  readonly received: Way;
  readonly seconds: number;
}

/** Where it goes from and to: two namespaces, and an address of the second. */
export interface Route {
  readonly from: Namespace;
  readonly to: Namespace;
  readonly address: string;
}

async function lastLine<T>(running: Running, timeoutMs: number): Promise<T> {
  await running.says(/^\{.*\}$/m, timeoutMs);
  return JSON.parse(/^\{.*\}$/m.exec(running.stdout)?.[0] ?? '') as T;
}

/**
 * Random data over TCP, `mib` MiB each way at the same time; fails when what came is not what was
 * sent. Returns the seconds that it took.
 */
export async function expectStreamsIntact(
  { from, to, address }: Route,
  mib: number,
  timeoutMs = 120_000,
): Promise<number> {
  const bytes = mib * MIB;
  const program = (role: string): string[] => [
    ...[process.execPath, TRANSFER, role, address, STREAM_PORT, String(bytes)],
  ];
  const server = to.spawn(program('serve'));
  try {
    await server.says(/ready/);
    const client = from.spawn(program('connect'));
    try {
      const [there, here] = await Promise.all([
        lastLine<Ways>(server, timeoutMs),
        lastLine<Ways>(client, timeoutMs),
      ]);
      expect(here.sent.bytes).toBe(bytes);
      expect(there.sent.bytes).toBe(bytes);
      expect(there.received).toEqual(here.sent);
      expect(here.received).toEqual(there.sent);
      return here.seconds;
    } finally {
      await client.stop();
    }
  } finally {
    await server.stop();
  }
}

export interface DatagramOptions {
  readonly count: number;
  /** The least share that has to arrive; less than all where the path or the machine may lose some. */
  readonly share: number;
  /** Between runs of up to 40 datagrams; more for what is slow. */
  readonly pauseMicroseconds?: number;
}

interface Datagrams {
  readonly whole: number;
  readonly damaged: number;
  readonly doubled: number;
  readonly largest: number;
}

/** A machine that has something else to do drops datagrams that come too fast. */
const SLOWER = [1, 5, 25];

/**
 * Datagrams of many lengths, one way: each arrives as it was sent, and once. When too few arrive, they are
 * sent again more slowly.
 */
export async function expectDatagramsIntact(
  program: string,
  route: Route,
  { count, share, pauseMicroseconds = 1000 }: DatagramOptions,
): Promise<void> {
  const wanted = count * share;
  let whole = 0;
  for (const factor of SLOWER) {
    const got = await sendDatagrams(program, route, [count, pauseMicroseconds * factor]);
    expect(got).toMatchObject({ damaged: 0, doubled: 0 });
    whole = got.whole;
    if (whole < wanted) continue;
    // Fragments found together again.
    expect(got.largest).toBeGreaterThanOrEqual(3000);
    return;
  }
  expect(whole).toBeGreaterThanOrEqual(wanted);
}

async function sendDatagrams(
  program: string,
  { from, to, address }: Route,
  numbers: readonly number[],
): Promise<Datagrams> {
  const receiver = to.spawn([program, 'receive', address, DATAGRAM_PORT]);
  try {
    await receiver.says(/ready/);
    const argv = [program, 'send', address, DATAGRAM_PORT, ...numbers.map(String)];
    await from.mustRun(argv, { timeoutMs: 120_000 });
    return await lastLine<Datagrams>(receiver, 60_000);
  } finally {
    await receiver.stop();
  }
}
