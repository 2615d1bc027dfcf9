/** The settings in a resolv.conf(5) that lookups need. */
import { canonicalAddress } from '../../../protocol/ip.js';
import type { NameServers } from '../../netconfig.js';

/** The limit of resolv.conf(5). */
const MOST_NDOTS = 15;

/** Parses what lookups need of resolv.conf(5); anything else, and mistakes, are skipped. */
export function parseResolvConf(text: string): NameServers {
  const servers = new Set<string>();
  let search: string[] = [];
  let ndots = 1;
  for (const line of text.split('\n')) {
    const [key, ...values] = line.trim().split(/\s+/);
    if (key === 'nameserver') {
      const server = canonicalAddress(values[0] ?? '');
      if (server !== undefined) servers.add(server);
    } else if (key === 'search' || key === 'domain') {
      // The last of these lines wins; systemd-resolved writes a single dot for none.
      search = values.map((domain) => domain.replace(/\.$/, '')).filter(Boolean);
    } else if (key === 'options') {
      const wanted = values.map((value) => /^ndots:(\d{1,4})$/.exec(value)?.[1]).find(Boolean);
      if (wanted !== undefined) ndots = Math.min(Number(wanted), MOST_NDOTS);
    }
  }
  return { servers: [...servers], search, ndots };
}
