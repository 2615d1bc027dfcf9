/** ExcludedIPs: what is taken out of AllowedIPs. wg(8) has nothing of the kind. */
import { excludeCidr, mergeCidr } from 'cidr-tools';
import { formatPrefix, type IpPrefix, maskPrefix, parsePrefix } from '../../protocol/ip.js';
import type { Config, ExcludedIp, InterfaceConfig, PeerConfig } from './model.js';
import { quote } from './redact.js';
import type { Report } from './values.js';

/**
 * Of the local network, and nothing that a provider routes on: RFC 1918, RFC 3927 and RFC 4291 link
 * local, RFC 4193, and multicast. So RFC 6598, which is between a provider and its customers, is not
 * among them.
 */
const LAN: readonly string[] = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '169.254.0.0/16',
  '224.0.0.0/4',
  'fc00::/7',
  'fe80::/10',
  'ff00::/8',
];
const LONGEST_ADDRESS = 64;

/** Networks and the word `lan`, with commas between them. Host bits are cleared. */
export function parseExcludedIps(value: string, report: Report): readonly ExcludedIp[] {
  const excluded: ExcludedIp[] = [];
  if (value === '') return excluded;
  let offset = 0;
  for (const part of value.split(',')) {
    const text = part.trim();
    const at = offset + (text === '' ? 0 : part.length - part.trimStart().length);
    const network = text.length > LONGEST_ADDRESS ? undefined : parsePrefix(text);
    if (text.toLowerCase() === 'lan') excluded.push('lan');
    else if (network) excluded.push(maskPrefix(network));
    else if (text === '') report('a network is missing beside a comma', at);
    else report(`${quote(text, value)}is neither a network nor 'lan'`, at);
    offset += part.length + 1;
  }
  return excluded;
}

export function formatExcludedIp(excluded: ExcludedIp): string {
  return excluded === 'lan' ? excluded : formatPrefix(excluded);
}

/** The peer with what is left of its AllowedIPs; the ones that were written are kept beside. */
export function applyExclusion(peer: PeerConfig, own: InterfaceConfig): PeerConfig {
  const { excludedIps = [] } = peer;
  if (excludedIps.length === 0) return peer;
  const written = peer.writtenAllowedIps ?? peer.allowedIps;
  const left = subtract(written.map(formatPrefix), networksOf(excludedIps, own));
  return { ...peer, writtenAllowedIps: written, allowedIps: left.map(toPrefix) };
}

/** With `lan` left out of every default route; the same configuration when there is none. */
export function excludeLan(config: Config): Config {
  const peers = config.peers.map((peer) => {
    const { excludedIps = [], writtenAllowedIps: written = peer.allowedIps } = peer;
    if (excludedIps.includes('lan') || !written.some(({ length }) => length === 0)) return peer;
    return applyExclusion({ ...peer, excludedIps: [...excludedIps, 'lan'] }, config.interface);
  });
  return peers.every((peer, i) => peer === config.peers[i]) ? config : { ...config, peers };
}

/**
 * What goes past the tunnel because it was asked for, and may be let past a kill switch: disjoint
 * networks, as text. What another peer has of them goes to that one.
 */
export function excludedNetworks({ interface: own, peers }: Config): readonly string[] {
  const excluded = peers.flatMap(({ excludedIps = [] }) => networksOf(excludedIps, own));
  const allowed = peers.flatMap(({ allowedIps }) => allowedIps.map(formatPrefix));
  return subtract(excluded, allowed);
}

/** A tunnel in a private network must not lose itself to `lan`: its own networks stay in it. */
function networksOf(excludedIps: readonly ExcludedIp[], own: InterfaceConfig): readonly string[] {
  const networks = excludedIps.filter((one) => one !== 'lan').map(formatPrefix);
  if (!excludedIps.includes('lan')) return networks;
  const kept = [
    ...own.addresses.map((address) => formatPrefix(maskPrefix(address))),
    // One with a zone is of a local network.
    ...own.dnsServers.filter((server) => !server.includes('%')),
  ];
  return [...networks, ...subtract(LAN, kept)];
}

/** Canonical text, as short a list as can be. */
function subtract(networks: readonly string[], taken: readonly string[]): readonly string[] {
  if (networks.length === 0) return [];
  const left =
    taken.length === 0 ? mergeCidr([...networks]) : excludeCidr([...networks], [...taken]);
  return left.map((network) => formatPrefix(toPrefix(network)));
}

function toPrefix(network: string): IpPrefix {
  const prefix = parsePrefix(network);
  if (!prefix) throw new Error('cidr-tools answered what is no network');
  return prefix;
}
