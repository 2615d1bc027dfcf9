import { basename } from 'node:path';
import type { System } from '../../system/commands.js';
import type { InterfaceSettings } from '../netconfig.js';
import type { PlannedStep } from './step.js';

/** The program that manages DNS servers on this machine. */
export type DnsManager =
  | { readonly type: 'resolvectl' }
  /** `prefix` is how the record's name must begin to win over others, such as `tun.`. */
  | { readonly type: 'resolvconf'; readonly prefix: string };

/**
 * Resolves to systemd-resolved when it answers, otherwise to resolvconf; undefined when neither is
 * usable. A resolvconf that is only another name for resolvectl needs systemd-resolved too.
 */
export async function findDnsManager(system: System): Promise<DnsManager | undefined> {
  if (await system.find('resolvectl')) {
    const status = await system.run({ argv: ['resolvectl', 'status'] });
    if (status.status === 0) return { type: 'resolvectl' };
  }
  const resolvconf = await system.find('resolvconf');
  if (resolvconf === undefined || basename(resolvconf) === 'resolvectl') return undefined;
  const order = (await system.read('/etc/resolvconf/interface-order')) ?? '';
  const pattern = order.split('\n').find((line) => /^[A-Za-z0-9-]+\*$/.test(line));
  return { type: 'resolvconf', prefix: pattern ? `${pattern.slice(0, -1)}.` : '' };
}

/** All names are resolved by the tunnel's servers, as with wg-quick(8). */
export function planDns(
  settings: InterfaceSettings,
  manager: DnsManager | undefined,
): { steps: PlannedStep[]; warnings: string[] } {
  const { name, dnsServers, dnsSearch } = settings;
  if (dnsServers.length === 0) {
    const warnings =
      dnsSearch.length === 0
        ? []
        : [`search domains ${dnsSearch.join(', ')} are not set: there is no DNS server with them`];
    return { steps: [], warnings };
  }
  switch (manager?.type) {
    case undefined:
      return {
        steps: [],
        warnings: [
          `DNS ${dnsServers.join(', ')} is not set: install resolvconf or run systemd-resolved`,
        ],
      };
    case 'resolvectl':
      // systemd-resolved forgets an interface's servers when it disappears.
      return {
        steps: [
          { command: { argv: ['resolvectl', 'dns', name, ...dnsServers] }, undo: [] },
          { command: { argv: ['resolvectl', 'domain', name, '~.', ...dnsSearch] }, undo: [] },
        ],
        warnings: [],
      };
    case 'resolvconf': {
      const record = `${manager.prefix}${name}`;
      const lines = dnsServers.map((server) => `nameserver ${server}\n`);
      if (dnsSearch.length > 0) lines.push(`search ${dnsSearch.join(' ')}\n`);
      return {
        steps: [
          {
            command: {
              argv: ['resolvconf', '-a', record, '-m', '0', '-x'],
              stdin: lines.join(''),
            },
            undo: [{ argv: ['resolvconf', '-d', record, '-f'] }],
          },
        ],
        warnings: [],
      };
    }
  }
}
