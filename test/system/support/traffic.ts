import type { Namespace } from './lab.js';
import { eventually } from './process.js';

export interface PingOptions {
  readonly count?: number;
  readonly intervalSeconds?: number;
  /** Source address or interface. */
  readonly from?: string;
  /** Hexadecimal, up to 16 bytes. */
  readonly pattern?: string;
  /** Bytes of payload. */
  readonly size?: number;
  /** The byte of the IP header that has DSCP and ECN; an answer has the same. */
  readonly trafficClass?: number;
}

export interface PingResult {
  readonly sent: number;
  readonly received: number;
  /** The program's report, for what it says of errors. */
  readonly output: string;
}

export function pingCommand(address: string, options: PingOptions = {}): string[] {
  const argv = ['ping', '-n', '-W', '2'];
  argv.push('-c', String(options.count ?? 3), '-i', String(options.intervalSeconds ?? 0.05));
  if (options.from !== undefined) argv.push('-I', options.from);
  if (options.pattern !== undefined) argv.push('-p', options.pattern);
  if (options.size !== undefined) argv.push('-s', String(options.size));
  if (options.trafficClass !== undefined) argv.push('-Q', String(options.trafficClass));
  return [...argv, address];
}

/** Never throws for lost packets. */
export async function ping(
  namespace: Namespace,
  address: string,
  options: PingOptions = {},
): Promise<PingResult> {
  const waiting = (options.count ?? 3) * (options.intervalSeconds ?? 0.05) * 1000;
  const { stdout, stderr } = await namespace.run(pingCommand(address, options), {
    timeoutMs: waiting + 20_000,
  });
  return parsePing(stdout + stderr);
}

/** In bursts of five. */
export async function pingUntilAnswered(
  namespace: Namespace,
  address: string,
  timeoutMs: number,
): Promise<void> {
  await eventually(`an answer from ${address}`, timeoutMs, async () => {
    const result = await ping(namespace, address, { count: 5, intervalSeconds: 0.2 });
    return result.received > 0;
  });
}

export function parsePing(output: string): PingResult {
  const [, sent = '0', received = '0'] =
    /(\d+) packets transmitted, (\d+) received/.exec(output) ?? [];
  return { sent: Number(sent), received: Number(received), output };
}

export interface Flow {
  /** What the receiver counted. */
  readonly bytes: number;
  /** UDP only: share of the datagrams that did not arrive, in percent. */
  readonly lostPercent: number;
}

/** A second of TCP, from client to server or `backwards`. */
export function tcpFlow(
  from: Namespace,
  to: Namespace,
  address: string,
  backwards = false,
): Promise<Flow> {
  return iperf(from, to, address, ['-C', 'cubic', '-t', '1', ...(backwards ? ['-R'] : [])]);
}

/** A second of UDP at 8 Mbit/s in datagrams of 1200 bytes, which even a slow machine carries. */
export function udpFlow(from: Namespace, to: Namespace, address: string): Promise<Flow> {
  return iperf(from, to, address, ['-u', '-b', '8M', '-l', '1200', '-t', '1']);
}

async function iperf(
  from: Namespace,
  to: Namespace,
  address: string,
  args: readonly string[],
): Promise<Flow> {
  const server = to.spawn(['iperf3', '-s', '-1', '-B', address, '--forceflush']);
  try {
    await server.says(/listening/);
    const report = await from.run(['iperf3', '-J', '-c', address, ...args]);
    return parseIperf(report.stdout);
  } finally {
    await server.stop();
  }
}

interface IperfReport {
  readonly error?: string;
  readonly end?: {
    readonly sum_received?: { readonly bytes: number };
    readonly sum?: { readonly bytes: number; readonly lost_percent: number };
  };
}

function parseIperf(json: string): Flow {
  const report = JSON.parse(json) as IperfReport;
  if (report.error !== undefined) throw new Error(`iperf3: ${report.error}`);
  const { sum, sum_received: received } = report.end ?? {};
  if (received !== undefined) return { bytes: received.bytes, lostPercent: 0 };
  if (sum === undefined) throw new Error('iperf3 counted nothing');
  return { bytes: sum.bytes * (1 - sum.lost_percent / 100), lostPercent: sum.lost_percent };
}
