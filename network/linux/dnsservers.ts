/** The name servers of this machine, read from the files in which programs find or leave them. */
import type { System } from '../../system/commands.js';
import { isLoopback } from '../family.js';
import type { NameServers } from '../netconfig.js';
import { parseResolvConf } from './resolvconf/parse.js';
import { fileBefore } from './resolvconf/record.js';

const RESOLV_CONF = '/etc/resolv.conf';
/** The servers that systemd-resolved and NetworkManager's dnsmasq query themselves. */
const UPSTREAM = ['/run/systemd/resolve/resolv.conf', '/run/NetworkManager/no-stub-resolv.conf'];

/** More than resolv.conf(5) allows are not worth the time that a lookup has. */
const MOST_SERVERS = 6;
const MOST_DOMAINS = 6;

/** Of a tunnel, as its configuration has them; canonical text. */
export type TunnelDns = Pick<NameServers, 'servers' | 'search'>;

const NO_TUNNEL: TunnelDns = { servers: [], search: [] };

/**
 * Resolves to the servers of resolv.conf without those of the tunnel. Where that file names only a
 * resolver on loopback, they are those that the resolver queries; none if nobody knows them. `before` is the file
 * that has what resolv.conf said before it was replaced for a tunnel; there is none when it was not.
 */
export async function readNameServers(
  { read }: Pick<System, 'read'>,
  tunnel: TunnelDns = NO_TUNNEL,
  before: string = fileBefore(),
): Promise<NameServers> {
  const text = (await read(before)) ?? (await read(RESOLV_CONF)) ?? '';
  const { servers, search, ndots } = parseResolvConf(text);
  const direct = servers.filter((server) => !isLoopback(server));
  const found = direct.length > 0 ? direct : await readUpstream(read);
  return {
    servers: found.filter((server) => !tunnel.servers.includes(server)).slice(0, MOST_SERVERS),
    search: search.filter((domain) => !tunnel.search.includes(domain)).slice(0, MOST_DOMAINS),
    ndots,
  };
}

async function readUpstream(read: System['read']): Promise<string[]> {
  const texts = await Promise.all(UPSTREAM.map(read));
  const servers = texts.flatMap((text) => parseResolvConf(text ?? '').servers);
  return [...new Set(servers)].filter((server) => !isLoopback(server));
}
