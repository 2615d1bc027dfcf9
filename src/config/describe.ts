import { formatPrefix, type IpPrefix } from '../../protocol/ip.js';
import { formatExcludedIp } from './exclude.js';
import { formatEndpoint, formatFwMark } from './format.js';
import { encodeKey } from './key.js';
import {
  type Config,
  type EndpointConfig,
  hasPrivateKey,
  type InterfaceConfig,
  type PeerConfig,
} from './model.js';

export interface DescribeOptions {
  /** The interface's name. */
  readonly name?: string;
  /** The public key of the interface; 32 bytes. */
  readonly publicKey?: Uint8Array;
}

type Row = readonly [label: string, value: string];

const LABEL_WIDTH = 16;

/**
 * Describes for people what a configuration will do. Holds no secret: private and preshared keys are
 * not shown, and commands are only counted, as one may contain a token.
 */
export function describeConfig(config: Config, options: DescribeOptions = {}): string {
  const { publicKey, name } = options;
  const own: readonly Row[] = [
    ...(publicKey ? [['public key', encodeKey(publicKey)] as const] : []),
    ...describeInterface(config.interface),
    ['routes', describeRoutes(config)],
    ...describeHooks(config.interface),
  ];
  const blocks = [block(`interface ${name ?? ''}`.trimEnd(), own)];
  for (const peer of config.peers)
    blocks.push(block(`peer ${encodeKey(peer.publicKey)}`, describePeer(peer)));
  return blocks.join('\n');
}

function block(title: string, rows: readonly Row[]): string {
  const lines = rows.map(([label, value]) => `  ${label.padEnd(LABEL_WIDTH)}${value}\n`);
  return `${title}\n${lines.join('')}`;
}

function describeInterface(config: InterfaceConfig): readonly Row[] {
  const { addresses, dnsServers, dnsSearch, mtu, listenPort, fwMark, reresolveInterval } = config;
  return [
    ['private key', hasPrivateKey(config) ? '(hidden)' : 'to be set by PostUp'],
    ['addresses', joined(addresses.map(formatPrefix))],
    ['DNS servers', joined(dnsServers)],
    ...(dnsSearch.length > 0 ? [['DNS search', joined(dnsSearch)] as const] : []),
    ['MTU', config.probesMtu ? 'the largest that passes' : describeMtu(mtu)],
    ['listen port', listenPort ? String(listenPort) : 'chosen by the system'],
    ...(fwMark ? [['firewall mark', formatFwMark(fwMark)] as const] : []),
    ...(config.killSwitch ? [['kill switch', 'on: nothing leaves past the tunnel'] as const] : []),
    ...(reresolveInterval
      ? [['names', `looked up again every ${reresolveInterval} seconds`] as const]
      : []),
    ...(config.metrics ? [['metrics', describeMetrics(config.metrics)] as const] : []),
  ];
}

function describeMetrics(address: EndpointConfig): string {
  return `served at http://${formatEndpoint(address)}/metrics`;
}

function describeMtu(mtu: number | undefined): string {
  return mtu === undefined ? 'from the route to the endpoint' : String(mtu);
}

function describeRoutes({ interface: { table }, peers }: Config): string {
  const networks = peers.flatMap((peer) => peer.writtenAllowedIps ?? peer.allowedIps);
  if (table === 'off') return 'none are added (Table = off)';
  if (networks.length === 0) return 'none, as no peer has allowed IPs';
  const where = table === 'auto' ? '' : `, in routing table ${table}`;
  const defaults = networks.filter(({ length }) => length === 0);
  if (defaults.length === 0) return `only the allowed IPs go through the tunnel${where}`;
  const less = peers.some(({ excludedIps = [] }) => excludedIps.length > 0);
  const but = less ? ' but the excluded IPs' : '';
  return `${describeDefault(defaults)}${but} goes through the tunnel (default route)${where}`;
}

function describeDefault(defaults: readonly IpPrefix[]): string {
  const ipv4 = defaults.some(({ address }) => address.length === 4);
  const ipv6 = defaults.some(({ address }) => address.length === 16);
  if (ipv4 && ipv6) return 'all traffic';
  return ipv4 ? 'all IPv4 traffic, but not all IPv6,' : 'all IPv6 traffic, but not all IPv4,';
}

function describeHooks(config: InterfaceConfig): readonly Row[] {
  const hooks = [
    ['PreUp', config.preUp],
    ['PostUp', config.postUp],
    ['PreDown', config.preDown],
    ['PostDown', config.postDown],
  ] as const;
  const rows = hooks
    .filter(([, commands]) => commands.length > 0)
    .map(([key, { length }]): Row => [key, length === 1 ? '1 command' : `${length} commands`]);
  return config.saveConfig
    ? [...rows, ['SaveConfig', 'the file is updated on the way down']]
    : rows;
}

function describePeer(peer: PeerConfig): readonly Row[] {
  const { endpoint, fallbackEndpoints = [], allowedIps, excludedIps = [], presharedKey } = peer;
  const { persistentKeepalive } = peer;
  return [
    ['endpoint', endpoint ? formatEndpoint(endpoint) : 'none: the peer has to connect first'],
    ...fallbackEndpoints.map((other): Row => ['or else', formatEndpoint(other)]),
    ['allowed IPs', joined(allowedIps.map(formatPrefix))],
    ...(excludedIps.length > 0
      ? [['excluded IPs', joined(excludedIps.map(formatExcludedIp))] as const]
      : []),
    ['preshared key', presharedKey ? '(hidden)' : 'none'],
    ['keepalive', persistentKeepalive ? `every ${persistentKeepalive} seconds` : 'off'],
  ];
}

function joined(items: readonly string[]): string {
  return items.length > 0 ? items.join(', ') : 'none';
}
