import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Namespace } from './lab.js';

const CHECKED: readonly string[] = [
  'TcpInCsumErrors',
  'UdpInCsumErrors',
  'Udp6InCsumErrors',
  'IcmpInCsumErrors',
  'Icmp6InCsumErrors',
];

/** No packet that came to a namespace, in a tunnel or outside, had a wrong checksum. */
export async function expectNoChecksumErrors(namespace: Namespace): Promise<void> {
  const counters = await allCounters(namespace);
  const found = Object.entries(counters).filter(([name]) => name.endsWith('CsumErrors'));
  expect(found.map(([name]) => name)).toEqual(expect.arrayContaining([...CHECKED]));
  expect(found.filter(([, count]) => count !== 0)).toEqual([]);
}

/** By the names of nstat(8), since the namespace was made. */
export async function allCounters(namespace: Namespace): Promise<Readonly<Record<string, number>>> {
  const report = await namespace.mustRun(['nstat', '-asz', '--json']);
  return (JSON.parse(report) as { kernel: Record<string, number> }).kernel;
}

export interface InterfaceBytes {
  readonly rx: number;
  readonly tx: number;
}

/** Of an interface in the namespace of process `pid`; starts no program, so it can be asked often. */
export function interfaceBytes(pid: number, device: string): InterfaceBytes {
  const lines = readFileSync(`/proc/${pid}/net/dev`, 'utf8').split('\n');
  const line = lines.find((text) => text.trim().startsWith(`${device}:`));
  if (line === undefined) throw new Error(`process ${pid} sees no ${device}`);
  const numbers = line
    .slice(line.indexOf(':') + 1)
    .trim()
    .split(/\s+/)
    .map(Number);
  return { rx: numbers[0] ?? 0, tx: numbers[8] ?? 0 };
}
