/** ExcludedIPs: networks that are taken out of AllowedIPs. wg(8) has no such key. */
import { excludeCidr, mergeCidr } from 'cidr-tools';
import { formatPrefix, type IpPrefix, maskPrefix, parsePrefix } from '../../protocol/ip.js';
import type { Config, ExcludedIp, InterfaceConfig, PeerConfig } from './model.js';
import { quote } from './redact.js';
import type { Report } from './values.js';

/**
 * Addresses of the local network, without any that a provider routes on: RFC 1918, link-local addresses
 * of RFC 3927 and RFC 4291, RFC 4193, and multicast. RFC 6598 is therefore not among them: it lies
 * between a provider and its customers.
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

/** Parses networks and the word `lan`, separated by commas. Host bits are cleared. */
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

/**
 * Returns the peer with what is left of its AllowedIPs; the written ones are kept in
 * `writtenAllowedIps`.
 */
export function applyExclusion(peer: PeerConfig, own: InterfaceConfig): PeerConfig {
  const { excludedIps = [] } = peer;
  if (excludedIps.length === 0) return peer;
  const written = peer.writtenAllowedIps ?? peer.allowedIps;
  const left = subtract(written.map(formatPrefix), networksOf(excludedIps, own));
  return { ...peer, writtenAllowedIps: written, allowedIps: left.map(toPrefix) };
}

/**
 * Returns the configuration with `lan` left out of every default route, or the same one when it has
 * none.
 */
export function excludeLan(config: Config): Config {
  const peers = config.peers.map((peer) => {
    const { excludedIps = [], writtenAllowedIps: written = peer.allowedIps } = peer;
    if (excludedIps.includes('lan') || !written.some(({ length }) => length === 0)) return peer;
    return applyExclusion({ ...peer, excludedIps: [...excludedIps, 'lan'] }, config.interface);
  });
  return peers.every((peer, i) => peer === config.peers[i]) ? config : { ...config, peers };
}

/**
 * Returns the networks that bypass the tunnel on request, and so may pass a kill switch: disjoint, as
 * text. Parts of them that are in the AllowedIPs of another peer go to that peer.
 */
export function excludedNetworks({ interface: own, peers }: Config): readonly string[] {
  const excluded = peers.flatMap(({ excludedIps = [] }) => networksOf(excludedIps, own));
  const allowed = peers.flatMap(({ allowedIps }) => allowedIps.map(formatPrefix));
  return subtract(excluded, allowed);
}

/**
 * The tunnel's own networks are not excluded by `lan`, so that a tunnel in a private network keeps
 * working.
 */
function networksOf(excludedIps: readonly ExcludedIp[], own: InterfaceConfig): readonly string[] {
  const networks = excludedIps.filter((one) => one !== 'lan').map(formatPrefix);
  if (!excludedIps.includes('lan')) return networks;
  const kept = [
    ...own.addresses.map((address) => formatPrefix(maskPrefix(address))),
    // A server with a zone is on a local network.
    ...own.dnsServers.filter((server) => !server.includes('%')),
  ];
  return [...networks, ...subtract(LAN, kept)];
}

/** Returns canonical text, in as few networks as possible. */
function subtract(networks: readonly string[], taken: readonly string[]): readonly string[] {
  if (networks.length === 0) return [];
  const left =
    taken.length === 0 ? mergeCidr([...networks]) : excludeCidr([...networks], [...taken]);
  return left.map((network) => formatPrefix(toPrefix(network)));
}

function toPrefix(network: string): IpPrefix {
  const prefix = parsePrefix(network);
  if (!prefix) throw new Error('cidr-tools returned an invalid network');
  return prefix;
}
