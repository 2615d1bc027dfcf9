import { eventually } from '../../support/waiting.js';
import type { Namespace } from './lab.js';

export interface PingOptions {
  readonly count?: number;
  /** Whether the one before was answered or not; left out, only after its answer. */
  readonly intervalSeconds?: number;
  /** How long each is waited for; 15 when left out, for a handshake that has to be begun again. */
  readonly patienceSeconds?: number;
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

const PATIENCE_SECONDS = 15;

export function pingCommand(address: string, options: PingOptions = {}): string[] {
  const argv = ['ping', '-n', '-W', String(options.patienceSeconds ?? PATIENCE_SECONDS)];
  argv.push('-c', String(options.count ?? 3), '-i', String(options.intervalSeconds ?? 0.05));
  if (options.from !== undefined) argv.push('-I', options.from);
  if (options.pattern !== undefined) argv.push('-p', options.pattern);
  if (options.size !== undefined) argv.push('-s', String(options.size));
  if (options.trafficClass !== undefined) argv.push('-Q', String(options.trafficClass));
  return [...argv, address];
}

/** As long as each is answered. */
const ONE_BY_ONE =
  'left=$1; shift; while [ $left -gt 0 ]; do "$@" || exit; left=$((left - 1)); done';

/** Never throws for lost packets. The first that is not answered is the last, but at an interval. */
export async function ping(
  namespace: Namespace,
  address: string,
  options: PingOptions = {},
): Promise<PingResult> {
  if (options.intervalSeconds !== undefined)
    return pingAtInterval(namespace, address, options.intervalSeconds, options);
  const { count = 3, patienceSeconds = PATIENCE_SECONDS } = options;
  const each = pingCommand(address, { ...options, count: 1 });
  const { stdout, stderr } = await namespace.run(
    ['sh', '-c', ONE_BY_ONE, 'sh', String(count), ...each],
    { timeoutMs: count * patienceSeconds * 1000 + 20_000 },
  );
  const output = stdout + stderr;
  const counts = Array.from(output.matchAll(/(\d+) packets transmitted, (\d+) received/g));
  const sum = (group: number): number =>
    counts.reduce((before, match) => before + Number(match[group]), 0);
  return { sent: sum(1), received: sum(2), output };
}

/**
 * Where some have been answered, ping(8) waits for the others no longer than an interval or two
 * round trips. So a few are sent after those that count.
 */
async function pingAtInterval(
  namespace: Namespace,
  address: string,
  intervalSeconds: number,
  { count = 3, patienceSeconds = 2, ...options }: PingOptions,
): Promise<PingResult> {
  const all = count + Math.ceil(patienceSeconds / intervalSeconds);
  const argv = pingCommand(address, { ...options, intervalSeconds, patienceSeconds, count: all });
  const { stdout, stderr } = await namespace.run(argv, {
    timeoutMs: all * intervalSeconds * 1000 + 30_000,
  });
  const answered = Array.from(stdout.matchAll(/bytes from .*icmp_seq=(\d+)/g), (match) =>
    Number(match[1]),
  );
  const sent = Number(/(\d+) packets transmitted/.exec(stdout)?.[1] ?? 0);
  return {
    sent: Math.min(sent, count),
    received: new Set(answered.filter((sequence) => sequence <= count)).size,
    output: stdout + stderr,
  };
}

/** Pings, one after the other, until there is an answer. */
export async function pingUntilAnswered(
  namespace: Namespace,
  address: string,
  timeoutMs: number,
  options: PingOptions = {},
): Promise<void> {
  await eventually(`an answer from ${address}`, timeoutMs, async () => {
    const once = { ...options, count: 1, patienceSeconds: 2 };
    return (await ping(namespace, address, once)).received > 0;
  });
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

/** Megabits a second of UDP: the slower ones are for a machine that has something else to do. */
const UDP_RATES = [8, 2, 0.5];

/**
 * A second of UDP in datagrams of 1200 bytes. When more than `tolerated` percent are lost, the flow is repeated
 * at a lower rate.
 */
export async function udpFlow(
  from: Namespace,
  to: Namespace,
  address: string,
  tolerated: number,
): Promise<Flow> {
  let flow: Flow | undefined;
  for (const rate of UDP_RATES) {
    flow = await iperf(from, to, address, ['-u', '-b', `${rate}M`, '-l', '1200', '-t', '1']);
    if (flow.lostPercent <= tolerated) return flow;
  }
  throw new Error(`${flow?.lostPercent} % of the datagrams are lost even at the lowest rate`);
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
