/**
 * The filters of the kill switch, as in WireGuard for Windows: only data. The weights order them: the
 * first filter that matches decides.
 */
import type { Endpoint } from '../../protocol/dataplane.js';
import { FAMILIES, type Family, familyOf } from '../family.js';

export type Field =
  | 'flags'
  | 'protocol'
  | 'localAddress'
  | 'remoteAddress'
  | 'localPort'
  | 'remotePort'
  | 'icmpType'
  | 'icmpCode'
  | 'localInterface'
  | 'appId'
  | 'userId';

export type Value =
  | { readonly type: 'uint8' | 'uint16' | 'uint32'; readonly value: number }
  | { readonly type: 'uint64'; readonly value: bigint }
  | { readonly type: 'address6'; readonly address: string }
  | { readonly type: 'network6'; readonly address: string; readonly length: number }
  | { readonly type: 'blob' | 'securityDescriptor'; readonly bytes: Uint8Array };

/** Conditions on the same field are alternatives; all fields together have to match. */
export interface Condition {
  readonly field: Field;
  readonly match: 'equal' | 'allSet';
  readonly value: Value;
}

/**
 * When Windows checks a filter: before a socket sends to a new endpoint, or before it receives from
 * one.
 */
export type Direction = 'connect' | 'accept';

export interface Filter {
  readonly name: string;
  readonly direction: Direction;
  readonly family: Family;
  readonly weight: number;
  readonly action: 'permit' | 'block';
  /** No other firewall of this machine may block what it permits. */
  readonly isFinal?: boolean;
  readonly conditions: readonly Condition[];
}

/** Identifies the tunnel's own traffic for the firewall: the program, and this process of it. */
export interface OwnTraffic {
  /** The application id that Windows returns for the program's file. */
  readonly appId: Uint8Array;
  /**
   * Grants the right to match to the service that runs this process; without it ports and addresses
   * decide.
   */
  readonly serviceDescriptor?: Uint8Array;
  readonly listenPort: number;
}

const WEIGHT = {
  own: 15,
  dnsServers: 15,
  otherDns: 14,
  loopback: 13,
  network: 12,
  rest: 0,
} as const;

const DIRECTIONS: readonly Direction[] = ['connect', 'accept'];
const [TCP, UDP, ICMPV6] = [6, 17, 58];
const DNS_PORT = 53;
const IS_LOOPBACK = 1;
const LINK_LOCAL = { address: 'fe80::', length: 10 };

const uint8 = (field: Field, value: number): Condition => equal(field, { type: 'uint8', value });
const uint16 = (field: Field, value: number): Condition => equal(field, { type: 'uint16', value });

function equal(field: Field, value: Value): Condition {
  return { field, match: 'equal', value };
}

function address(field: 'localAddress' | 'remoteAddress', text: string): Condition {
  if (familyOf(text) === 6) return equal(field, { type: 'address6', address: text });
  const value = text.split('.').reduce((number, part) => number * 256 + Number(part), 0);
  return equal(field, { type: 'uint32', value });
}

function linkLocal(field: 'localAddress' | 'remoteAddress'): Condition {
  return equal(field, { type: 'network6', ...LINK_LOCAL });
}

/** Returns the filters that stay for as long as the kill switch is on. */
export function killSwitchFilters(luid: bigint, dnsServers: readonly string[]): Filter[] {
  return [
    ...(dnsServers.length > 0 ? dnsFilters(dnsServers) : []),
    ...everywhere('loopback', WEIGHT.loopback, 'permit', [
      { field: 'flags', match: 'allSet', value: { type: 'uint32', value: IS_LOOPBACK } },
    ]),
    ...everywhere('the tunnel', WEIGHT.network, 'permit', [
      equal('localInterface', { type: 'uint64', value: luid }),
    ]),
    ...dhcpFilters(),
    ...ndpFilters(),
    ...everywhere('all else', WEIGHT.rest, 'block', []),
  ];
}

/**
 * Permits packets to a peer. With a service descriptor it is not needed: `ownFilters` permits
 * everything. A peer's link-local address is used without its zone, which the firewall does not
 * support.
 */
export function endpointFilter(own: OwnTraffic, { address: text, port }: Endpoint): Filter {
  const [ip = ''] = text.split('%');
  return {
    name: `WireGuard to ${text} port ${port}`,
    direction: 'connect',
    family: familyOf(ip),
    weight: WEIGHT.own,
    action: 'permit',
    isFinal: true,
    conditions: [...ourSocket(own), address('remoteAddress', ip), uint16('remotePort', port)],
  };
}

/** Permits the tunnel's own traffic from anywhere, and with a service descriptor to anywhere. */
export function ownFilters(own: OwnTraffic): Filter[] {
  const { serviceDescriptor, appId } = own;
  const blob = equal('appId', { type: 'blob', bytes: appId });
  if (!serviceDescriptor)
    // From anywhere: peers roam, and WireGuard itself authenticates them.
    return FAMILIES.map((family) => ({
      name: 'WireGuard from its peers',
      direction: 'accept',
      family,
      weight: WEIGHT.own,
      action: 'permit',
      isFinal: true,
      conditions: ourSocket(own),
    }));
  const bytes = serviceDescriptor;
  const conditions = [blob, equal('userId', { type: 'securityDescriptor', bytes })];
  return everywhere('WireGuard', WEIGHT.own, 'permit', conditions).map((filter) => ({
    ...filter,
    isFinal: true,
  }));
}

function ourSocket({ appId, listenPort }: OwnTraffic): Condition[] {
  const program = equal('appId', { type: 'blob', bytes: appId });
  return [program, uint8('protocol', UDP), uint16('localPort', listenPort)];
}

function dnsFilters(servers: readonly string[]): Filter[] {
  const isDns = [uint16('remotePort', DNS_PORT), uint8('protocol', UDP), uint8('protocol', TCP)];
  const permitted = FAMILIES.flatMap((family) => {
    const ofFamily = servers.filter((server) => familyOf(server) === family);
    if (ofFamily.length === 0) return [];
    const conditions = [...isDns, ...ofFamily.map((server) => address('remoteAddress', server))];
    return everywhere('DNS of the tunnel', WEIGHT.dnsServers, 'permit', conditions, [family]);
  });
  return [...permitted, ...everywhere('other DNS', WEIGHT.otherDns, 'block', isDns)];
}

function dhcpFilters(): Filter[] {
  const v4 = [uint8('protocol', UDP), uint16('localPort', 68), uint16('remotePort', 67)];
  const v6 = [
    uint8('protocol', UDP),
    linkLocal('localAddress'),
    uint16('localPort', 546),
    uint16('remotePort', 547),
  ];
  const broadcast = address('remoteAddress', '255.255.255.255');
  const groups = [address('remoteAddress', 'ff02::1:2'), address('remoteAddress', 'ff05::1:3')];
  const permit = { weight: WEIGHT.network, action: 'permit' } as const;
  return [
    {
      name: 'DHCP request',
      direction: 'connect',
      family: 4,
      ...permit,
      conditions: [...v4, broadcast],
    },
    { name: 'DHCP answer', direction: 'accept', family: 4, ...permit, conditions: v4 },
    {
      name: 'DHCPv6 request',
      direction: 'connect',
      family: 6,
      ...permit,
      conditions: [...v6, ...groups],
    },
    {
      name: 'DHCPv6 answer',
      direction: 'accept',
      family: 6,
      ...permit,
      conditions: [...v6, linkLocal('remoteAddress')],
    },
  ];
}

/** RFC 4861, section 4: the messages, with their direction, source and destination. */
function ndpFilters(): Filter[] {
  const fromRouter = [linkLocal('remoteAddress')];
  const toRouters = [address('remoteAddress', 'ff02::2')];
  const messages: [string, number, readonly Direction[], readonly Condition[]][] = [
    ['router solicitation', 133, ['connect'], toRouters],
    ['router advertisement', 134, ['accept'], fromRouter],
    ['neighbor solicitation', 135, DIRECTIONS, []],
    ['neighbor advertisement', 136, DIRECTIONS, []],
    ['redirect', 137, ['accept'], fromRouter],
  ];
  return messages.flatMap(([name, type, directions, more]) =>
    directions.map((direction) => ({
      name: `NDP ${name}`,
      direction,
      family: 6 as const,
      weight: WEIGHT.network,
      action: 'permit' as const,
      conditions: [
        uint8('protocol', ICMPV6),
        uint16('icmpType', type),
        uint16('icmpCode', 0),
        ...more,
      ],
    })),
  );
}

function everywhere(
  name: string,
  weight: number,
  action: Filter['action'],
  conditions: readonly Condition[],
  families: readonly Family[] = FAMILIES,
): Filter[] {
  return families.flatMap((family) =>
    DIRECTIONS.map((direction) => ({ name, direction, family, weight, action, conditions })),
  );
}
