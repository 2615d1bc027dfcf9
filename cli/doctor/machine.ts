/** Checks of the machine, independent of any tunnel. */
import { checkLeftDns } from './dns.js';
import type { MachineFacts } from './facts.js';
import { type Finding, named, type Outcome, ok, problem, skipped, warning } from './finding.js';

/** This program is not older than that. */
const OLDEST_DATE = Date.UTC(2025, 0, 1);
/** A later clock is wrong, or this program is very old. */
const NEWEST_DATE = Date.UTC(2045, 0, 1);
/** How much the clocks of two machines, or of a file system, may differ. */
const TOLERANCE_MS = 5 * 60_000;

export interface MachineContext {
  /** Moments (Unix milliseconds) that are certainly in the past. */
  readonly witnesses: readonly number[];
  /** Names of the tunnels that the user asks about; empty means all. */
  readonly asked: readonly string[];
}

export function checkMachine(
  facts: MachineFacts,
  { witnesses, asked }: MachineContext = { witnesses: [], asked: [] },
): Finding[] {
  return [
    ...named('machine', 'clock', checkClock(facts, witnesses)),
    ...named('machine', 'privileges', checkPrivileges(facts)),
    ...named('machine', 'TUN device', ...checkTun(facts)),
    ...named('machine', 'programs', ...checkPrograms(facts)),
    ...named('machine', 'crashed tunnels', ...checkCrashed(facts, asked)),
    ...named('machine', 'DNS', ...checkLeftDns(facts)),
  ];
}

const CLOCK_MATTERS = 'a peer refuses handshakes dated before the last one it has seen';
const SET_CLOCK = 'set the clock, and synchronise it with a time server: timedatectl set-ntp true';

export function checkClock(
  { now, isClockSynchronised }: Pick<MachineFacts, 'now' | 'isClockSynchronised'>,
  witnesses: readonly number[] = [],
): Outcome {
  const date = new Date(now).toISOString().slice(0, 16).replace('T', ' ');
  if (now < OLDEST_DATE || now > NEWEST_DATE)
    return problem(`it says ${date} UTC, which cannot be right: ${CLOCK_MATTERS}`, SET_CLOCK);
  const latest = Math.max(0, ...witnesses);
  if (latest > now + TOLERANCE_MS)
    return problem(
      `it says ${date} UTC, ${describeSpan(latest - now)} before a time already past: ${CLOCK_MATTERS}`,
      SET_CLOCK,
    );
  if (isClockSynchronised === false)
    return warning(
      `${date} UTC, but not synchronised with a time server; ${CLOCK_MATTERS}`,
      SET_CLOCK,
    );
  return ok(`${date} UTC${isClockSynchronised ? ', synchronised with a time server' : ''}`);
}

function describeSpan(milliseconds: number): string {
  const hours = milliseconds / 3_600_000;
  if (hours >= 48) return `${Math.round(hours / 24)} days`;
  return hours >= 2 ? `${Math.round(hours)} hours` : `${Math.round(hours * 60)} minutes`;
}

export function checkPrivileges({ isPrivileged, platform }: MachineFacts): Outcome {
  if (isPrivileged) return ok(platform === 'win32' ? 'elevated' : 'root');
  return warning(
    'this user can neither bring tunnels up nor examine running ones',
    platform === 'win32' ? 'run it in an elevated prompt' : 'run it as root: sudo wg-ts doctor',
  );
}

export function checkTun({ platform, hasTun, isPrivileged }: MachineFacts): Outcome[] {
  if (platform !== 'linux') return [];
  if (hasTun) return [ok('/dev/net/tun')];
  return isPrivileged
    ? [
        problem(
          'there is no /dev/net/tun, or it cannot be opened',
          'modprobe tun; in a container: give it the device, --device /dev/net/tun --cap-add NET_ADMIN',
        ),
      ]
    : [skipped('cannot be checked without root')];
}

export function checkPrograms({ platform, programs }: MachineFacts): Outcome[] {
  if (platform !== 'linux') return [];
  if (!programs.has('ip'))
    return [problem('ip is not installed', 'install iproute2: apt install iproute2')];
  const firewall = programs.has('nft') || programs.has('iptables');
  return [
    ...(firewall
      ? []
      : [
          warning(
            'neither nft nor iptables is installed, which AllowedIPs = 0.0.0.0/0 needs',
            'apt install nftables',
          ),
        ]),
    ...(programs.has('ping')
      ? []
      : [
          warning(
            'ping is not installed, so traffic cannot be checked',
            'apt install iputils-ping',
          ),
        ]),
    ...(firewall && programs.has('ping') ? [ok('ip, ping, nft or iptables')] : []),
  ];
}

/** A crashed tunnel other than the ones in question may still interfere. `asked`: empty means all. */
export function checkCrashed(
  { crashedTunnels, platform }: MachineFacts,
  asked: readonly string[] = [],
): Outcome[] {
  const sudo = platform === 'win32' ? '' : 'sudo ';
  return crashedTunnels.map((name) => {
    const say = asked.length === 0 || asked.includes(name) ? problem : warning;
    return say(
      `the process of ${name} is gone, but its settings are still in place`,
      `${sudo}wg-ts down ${name}`,
    );
  });
}
