/** ICMP echo with the system's `ping`, which needs no privileges of this process. */
import { execFile } from 'node:child_process';
import { win32 } from 'node:path';
import { systemFolder } from './windows/libraries.js';

export interface PingRequest {
  readonly address: string;
  /** Size in bytes of the whole IP packet, which must not be fragmented; absent: a small one. */
  readonly packetBytes?: number;
  /** Number of requests, by default 1. One reply is enough. */
  readonly count?: number;
  /** Seconds to wait for the last reply, by default 1. */
  readonly waitSeconds?: number;
  /** Send through this interface only (Linux, as root). */
  readonly interfaceName?: string;
  /** Firewall mark by which the request is routed (Linux, as root); 0 is none. */
  readonly fwMark?: number;
  /** The number of hops that a request may take. */
  readonly hopLimit?: number;
  readonly signal?: AbortSignal;
}

/**
 * `reply`: the address answered. `hop`: a router on the path did (the time to live expired, or it has no
 * route). `silence`: no answer. `unavailable`: there is no ping here that can do this.
 */
export type PingAnswer = 'reply' | 'hop' | 'silence' | 'unavailable';

/** Sends a ping. Never rejects. */
export type Pinger = (request: PingRequest) => Promise<PingAnswer>;

const IPV4_AND_ICMP = 28;
const IPV6_AND_ICMP = 48;
/** Seconds between two requests; less needs root. */
const INTERVAL = 0.2;
/** Seconds allowed beyond what ping should need. */
const GRACE = 3;

export const systemPing: Pinger = (request) =>
  new Promise((resolve) => {
    const { count = 1, waitSeconds = 1, signal } = request;
    const isWindows = process.platform === 'win32';
    const program = isWindows ? win32.join(systemFolder(), 'PING.EXE') : 'ping';
    const args = isWindows ? windowsPingArguments(request) : linuxPingArguments(request);
    const path = `${process.env['PATH'] ?? ''}:/usr/bin:/bin:/usr/sbin:/sbin`;
    const options = {
      env: isWindows ? process.env : { ...process.env, PATH: path, LC_ALL: 'C' },
      timeout: (count * (isWindows ? waitSeconds + 1 : INTERVAL) + waitSeconds + GRACE) * 1000,
      windowsHide: true,
      ...(signal && { signal }),
    };
    execFile(program, args, options, (error, stdout, stderr) => {
      if (error && typeof error.code === 'string')
        resolve(signal?.aborted ? 'silence' : 'unavailable');
      else resolve(pingAnswer(Number(error?.code ?? 0), stdout, stderr));
    });
  });

/** Returns the arguments for the ping of iputils. */
export function linuxPingArguments(request: PingRequest): string[] {
  const { address, packetBytes, count = 1, waitSeconds = 1, interfaceName } = request;
  return [
    ...['-n', '-c', String(count), '-i', String(INTERVAL), '-W', String(waitSeconds)],
    ...(packetBytes === undefined ? [] : ['-M', 'do', '-s', String(payload(address, packetBytes))]),
    ...(interfaceName === undefined ? [] : ['-I', interfaceName]),
    ...(request.fwMark ? ['-m', String(request.fwMark)] : []),
    ...(request.hopLimit === undefined ? [] : ['-t', String(request.hopLimit)]),
    '--',
    address,
  ];
}

export function windowsPingArguments(request: PingRequest): string[] {
  const { address, packetBytes, count = 1, waitSeconds = 1, hopLimit } = request;
  // Routers do not fragment IPv6, and ping has no -f for it.
  const size = packetBytes === undefined ? [] : ['-l', String(payload(address, packetBytes))];
  return [
    ...['-n', String(count), '-w', String(waitSeconds * 1000)],
    ...(packetBytes === undefined || address.includes(':') ? size : ['-f', ...size]),
    ...(hopLimit === undefined ? [] : ['-i', String(hopLimit)]),
    address,
  ];
}

function payload(address: string, packetBytes: number): number {
  return Math.max(0, packetBytes - (address.includes(':') ? IPV6_AND_ICMP : IPV4_AND_ICMP));
}

/** Parses the output of `ping`, of iputils or of Windows in any language. */
export function pingAnswer(status: number, stdout: string, stderr: string): PingAnswer {
  // Windows prints `TTL=` for a reply in all its languages, but for IPv6 only a time; its status is 0 also
  // when a router answers.
  if (/\bttl=\d+|bytes from .* time[=<]|[=<]\s?\d+\s?ms/i.test(stdout)) return 'reply';
  if (/Time to live exceeded|Time exceeded|Hop limit|Unreachable|Packet filtered/i.test(stdout))
    return 'hop';
  if (/message too long|100% packet loss/i.test(stdout + stderr)) return 'silence';
  return status === 2 || status === 127 ? 'unavailable' : 'silence';
}
