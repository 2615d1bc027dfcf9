import { basename } from 'node:path';
import type { System } from '../../system/commands.js';
import { NetConfigError } from '../errors.js';
import type { InterfaceSettings } from '../netconfig.js';
import { addStep } from './resolvconf/command.js';
import { isServer } from './resolvconf/document.js';
import type { ResolvConf } from './resolvconf/resolvconf.js';
import type { PlannedStep } from './step.js';

/** /etc/resolv.conf cannot be written, and names other servers than the tunnel's. */
export interface FixedServers {
  readonly reason: string;
  readonly servers: readonly string[];
}

/** What manages DNS servers on this machine. */
export type DnsManager =
  | { readonly type: 'resolvectl'; readonly fixed?: FixedServers }
  /** `prefix` is how the record's name must begin to win over others, such as `tun.`. */
  | { readonly type: 'resolvconf'; readonly prefix: string; readonly fixed?: FixedServers }
  /** No program does, so wg-ts writes /etc/resolv.conf. */
  | { readonly type: 'file' }
  /** Nor can wg-ts. */
  | { readonly type: 'none'; readonly fixed: FixedServers };

const REASONS: Readonly<Record<string, string>> = {
  EROFS: 'it is read-only',
  EPERM: 'it is immutable (chattr +i)',
  EACCES: 'permission is denied',
};

/**
 * Resolves to systemd-resolved when it answers, otherwise to resolvconf, otherwise to the file itself. A
 * resolvconf that is only another name for resolvectl needs systemd-resolved too.
 */
export async function findDnsManager(system: System, file: ResolvConf): Promise<DnsManager> {
  const { fixed: code, servers, isManaged } = file.state();
  const fixed = code === undefined ? undefined : { reason: REASONS[code] ?? code, servers };
  const more = fixed && !isManaged ? { fixed } : {};
  if (await system.find('resolvectl')) {
    const status = await system.run({ argv: ['resolvectl', 'status'] });
    if (status.status === 0) return { type: 'resolvectl', ...more };
  }
  const resolvconf = await system.find('resolvconf');
  if (resolvconf === undefined || basename(resolvconf) === 'resolvectl')
    return fixed ? { type: 'none', fixed } : { type: 'file' };
  const order = (await system.read('/etc/resolvconf/interface-order')) ?? '';
  const pattern = order.split('\n').find((line) => /^[A-Za-z0-9-]+\*$/.test(line));
  return { type: 'resolvconf', prefix: pattern ? `${pattern.slice(0, -1)}.` : '', ...more };
}

export interface DnsPlan {
  readonly steps: PlannedStep[];
  readonly warnings: string[];
  /** Whether programs will ask the tunnel's servers, so that all others may be blocked. */
  readonly isCertain: boolean;
}

/**
 * All names are resolved by the tunnel's servers, as with wg-quick(8). A program that takes the servers
 * need not have an effect: it may run while /etc/resolv.conf is a file of its own. So the last step makes
 * sure that the file leads to the servers.
 */
export function planDns(settings: InterfaceSettings, manager: DnsManager | undefined): DnsPlan {
  const { name, dnsServers, dnsSearch } = settings;
  if (dnsServers.length === 0 || manager === undefined) {
    const warnings =
      dnsSearch.length === 0
        ? []
        : [`search domains ${dnsSearch.join(', ')} are not set: there is no DNS server with them`];
    return { steps: [], warnings, isCertain: false };
  }
  const entry = { name, servers: dnsServers, search: dnsSearch };
  if (manager.type === 'file') return { steps: [addStep(entry)], warnings: [], isCertain: true };
  const steps = stepsOf(settings, manager);
  // A container with a read-only file may have been given the servers by its --dns.
  if (manager.fixed?.servers.some((server) => isServer(server, dnsServers)))
    return { steps, warnings: [], isCertain: true };
  if (manager.fixed)
    return { steps, warnings: [notSet(settings, manager.fixed)], isCertain: false };
  return { steps: [...steps, addStep(entry, { ifMissing: true })], warnings: [], isCertain: true };
}

function stepsOf(
  { name, dnsServers, dnsSearch }: InterfaceSettings,
  manager: DnsManager,
): PlannedStep[] {
  switch (manager.type) {
    case 'none':
    case 'file':
      return [];
    case 'resolvectl':
      // systemd-resolved forgets an interface's servers when it disappears.
      return [
        { command: { argv: ['resolvectl', 'dns', name, ...dnsServers] }, undo: [] },
        { command: { argv: ['resolvectl', 'domain', name, '~.', ...dnsSearch] }, undo: [] },
      ];
    case 'resolvconf': {
      const record = `${manager.prefix}${name}`;
      const lines = dnsServers.map((server) => `nameserver ${server}\n`);
      if (dnsSearch.length > 0) lines.push(`search ${dnsSearch.join(' ')}\n`);
      const argv = ['resolvconf', '-a', record, '-m', '0', '-x'];
      return [
        {
          command: { argv, stdin: lines.join('') },
          undo: [{ argv: ['resolvconf', '-d', record, '-f'] }],
        },
      ];
    }
  }
}

function notSet(
  { dnsServers, killSwitch }: InterfaceSettings,
  { reason, servers }: FixedServers,
): string {
  const others = servers.length > 0 ? servers.join(', ') : 'this machine';
  const what = `DNS ${dnsServers.join(', ')} cannot be written to /etc/resolv.conf: ${reason}`;
  return killSwitch
    ? `${what}. Names are resolved by ${others}, which the kill switch permits through the tunnel only`
    : `${what}. Names are resolved by ${others} as before, and DNS past the tunnel is not blocked`;
}

/**
 * Throws NetConfigError when the kill switch would block all servers that programs go on asking.
 * `isReached`: by the tunnel, or past it where that is permitted.
 */
export function refuseWithoutDns(
  manager: DnsManager | undefined,
  isReached: (server: string) => boolean,
): void {
  if (manager?.type !== 'none' || manager.fixed.servers.length === 0) return;
  const { reason, servers } = manager.fixed;
  if (servers.some(isReached)) return;
  throw new NetConfigError(
    'ERR_NETCONFIG',
    '/etc/resolv.conf',
    `${reason}, and the kill switch blocks the servers in it (${servers.join(', ')}): no name could be resolved`,
    { hint: `make it writable, or add ${servers[0]} to ExcludedIPs` },
  );
}
