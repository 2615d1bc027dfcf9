/** Formats a configuration for the WireGuard app on a phone, which rejects keys that it does not know. */
import { formatPrefix } from '../../protocol/ip.js';
import { formatEndpoint } from '../../src/config/format.js';
import { encodeKey } from '../../src/config/key.js';
import type { Config, InterfaceConfig, PeerConfig } from '../../src/config/model.js';

export interface PhoneConfig {
  /** Contains the secrets. Kept short, as every byte makes the QR code larger. */
  readonly text: string;
  /** Keys of the file that are not in the text, as the documentation spells them. */
  readonly leftOut: readonly string[];
}

export function phoneConfig(config: Config): PhoneConfig {
  const { interface: own, peers } = config;
  const sections = [interfaceLines(own), ...peers.map(peerLines)];
  return {
    text: sections.map((lines) => `${lines.join('\n')}\n`).join(''),
    leftOut: [...leftOutOfInterface(own), ...leftOutOfPeers(peers)],
  };
}

function interfaceLines(own: InterfaceConfig): string[] {
  return [
    '[Interface]',
    `PrivateKey=${encodeKey(own.privateKey.expose())}`,
    ...list('Address', own.addresses.map(formatPrefix)),
    ...list('DNS', [...own.dnsServers, ...own.dnsSearch]),
    ...(own.listenPort ? [`ListenPort=${own.listenPort}`] : []),
    ...(typeof own.mtu === 'number' ? [`MTU=${own.mtu}`] : []),
  ];
}

/** The AllowedIPs are those that remain after ExcludedIPs. */
function peerLines(peer: PeerConfig): string[] {
  return [
    '[Peer]',
    `PublicKey=${encodeKey(peer.publicKey)}`,
    ...(peer.presharedKey ? [`PresharedKey=${encodeKey(peer.presharedKey.expose())}`] : []),
    ...list('AllowedIPs', peer.allowedIps.map(formatPrefix)),
    ...(peer.endpoint ? [`Endpoint=${formatEndpoint(peer.endpoint)}`] : []),
    ...(peer.persistentKeepalive ? [`PersistentKeepalive=${peer.persistentKeepalive}`] : []),
  ];
}

function list(key: string, items: readonly string[]): string[] {
  return items.length > 0 ? [`${key}=${items.join(',')}`] : [];
}

const ON_PHONES: ReadonlySet<string> = new Set([
  'privateKey',
  'addresses',
  'dnsServers',
  'dnsSearch',
  'listenPort',
]);

function leftOutOfInterface(own: InterfaceConfig): string[] {
  return Object.entries(own)
    .filter(([property, value]) => !ON_PHONES.has(property) && isSet(value))
    .filter(([property, value]) => property !== 'mtu' || typeof value !== 'number')
    .map(([property]) => keyOf(property));
}

/** The properties of the model are named after the keys. */
function keyOf(property: string): string {
  return property === 'mtu' ? 'MTU' : property.charAt(0).toUpperCase() + property.slice(1);
}

function isSet(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return value !== undefined && value !== false && value !== 0 && value !== 'auto';
}

function leftOutOfPeers(peers: readonly PeerConfig[]): string[] {
  const hasMore = peers.some(({ fallbackEndpoints = [] }) => fallbackEndpoints.length > 0);
  return hasMore ? ['Endpoint (all but the first of a peer)'] : [];
}
