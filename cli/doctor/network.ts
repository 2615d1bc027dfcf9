/** Checks of the path to a peer's endpoint. */
import type { EndpointFacts, MachineFacts, PeerFacts, TunnelFacts } from './facts.js';
import { type Finding, named, type Outcome, ok, problem, warning } from './finding.js';
import { firewallOutcomes } from './firewall.js';
import { isIpv6, isPrivate, isPublic, lengthOf } from './prefixes.js';

/** Kinds of interfaces that belong to a tunnel of any program. */
const TUNNEL_KINDS: ReadonlySet<string> = new Set(['tun', 'wireguard', 'ppp', 'ipsec', 'xfrm']);
const STRICT = 1;

export function checkNetwork(
  tunnel: TunnelFacts,
  endpoints: readonly EndpointFacts[],
  machine: MachineFacts,
): Finding[] {
  return [
    ...endpoints.flatMap((endpoint) =>
      named('network', 'endpoint', checkEndpoint(endpoint, tunnel.name)),
    ),
    ...named('network', 'other tunnels', ...checkOtherVpn(tunnel, machine)),
    ...named('network', 'reverse path', ...checkReversePath(tunnel, endpoints, machine)),
    ...named('network', 'firewall', ...firewallOutcomes(tunnel, endpoints, machine.firewallRules)),
    ...named('network', 'keepalive', ...checkKeepalive(tunnel, endpoints)),
  ];
}

const NO_ROUTE: ReadonlySet<string> = new Set(['ENETUNREACH', 'EHOSTUNREACH', 'EADDRNOTAVAIL']);

export function checkEndpoint(endpoint: EndpointFacts, tunnelName: string): Outcome {
  const { host, port, address, resolveError, route, udpError, answersPing } = endpoint;
  const place = isIpv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
  if (address === undefined)
    return problem(
      `the name ${host} cannot be resolved (${resolveError ?? 'no address'})`,
      'check its spelling and the name servers of this machine, or use the IP address in Endpoint',
    );
  if (route?.interfaceName === tunnelName)
    return problem(
      `the tunnel's own packets to ${place} are routed into the tunnel itself`,
      `remove ${address} from AllowedIPs, or leave Table and FwMark to wg-ts`,
    );
  if (udpError === 'ECONNREFUSED')
    return problem(
      `nothing listens on ${place}: the host answers "port unreachable"`,
      'is the tunnel up on the other side, and is its ListenPort the port of Endpoint? (its firewall may also answer like this)',
    );
  if (udpError !== undefined && NO_ROUTE.has(udpError))
    return problem(
      `there is no route to ${place} (${udpError})`,
      isIpv6(address)
        ? 'does this machine have IPv6 at all? If not, use an IPv4 address in Endpoint'
        : `is this machine online, and is the address right? See ip route get ${address}`,
    );
  if (udpError === 'EPERM' || udpError === 'EACCES')
    return problem(
      `this machine's own firewall forbids sending to ${place}`,
      `allow UDP to port ${port}: see nft list ruleset`,
    );
  if (route === undefined && udpError === undefined && answersPing === undefined)
    return ok(host === address ? place : `${place} is ${address}`);
  const by = route ? `, via ${route.interfaceName}` : '';
  const ping = answersPing === undefined ? '' : answersPing ? ', answers a ping' : ', no ping';
  return ok(`${place}${host === address ? '' : ` is ${address}`}${by}${ping}`);
}

/** Two programs that both want all traffic interfere with each other. */
export function checkOtherVpn(
  { name, configuration: { table, peers } }: TunnelFacts,
  { routes, interfaces }: MachineFacts,
): Outcome[] {
  const wantsAll = peers.some((peer) => peer.allowedIps.some((prefix) => lengthOf(prefix) === 0));
  const kinds = new Map(interfaces.map((one) => [one.name, one.kind]));
  const others = routes.filter(
    ({ destination, interfaceName }) =>
      lengthOf(destination) <= 1 &&
      interfaceName !== name &&
      TUNNEL_KINDS.has(kinds.get(interfaceName) ?? ''),
  );
  return [...new Set(others.map(({ interfaceName }) => interfaceName))].map((other) =>
    wantsAll && table === 'auto'
      ? warning(
          `${other} of another VPN also has the default route`,
          `take ${other} down first, or narrow AllowedIPs here`,
        )
      : warning(
          `${other} of another VPN has the default route: our own packets may go through it`,
          `if the peer cannot be reached that way, take ${other} down, or give the endpoint a route of its own`,
        ),
  );
}

/** With a default route into the tunnel, the peer's packets arrive where no unmarked route leads back. */
export function checkReversePath(
  { running, configuration: { peers, table } }: TunnelFacts,
  endpoints: readonly EndpointFacts[],
  { sysctls }: MachineFacts,
): Outcome[] {
  const isFull = peers.some((peer) => peer.allowedIps.includes('0.0.0.0/0'));
  if (!running || !isFull || table !== 'auto' || running.fwMark === 0) return [];
  const value = (which: string, key: string): number =>
    sysctls[`net.ipv4.conf.${which}.${key}`] ?? 0;
  const uplinks = new Set(endpoints.flatMap(({ route }) => route?.interfaceName ?? []));
  return [...uplinks].flatMap((uplink) => {
    const filter = Math.max(value('all', 'rp_filter'), value(uplink, 'rp_filter'));
    const isMarkValid = value('all', 'src_valid_mark') + value(uplink, 'src_valid_mark') > 0;
    if (filter !== STRICT || isMarkValid) return [];
    return [
      problem(
        `${uplink} drops the peer's replies: rp_filter is strict there and src_valid_mark is off`,
        'sysctl -w net.ipv4.conf.all.src_valid_mark=1',
      ),
    ];
  });
}

export function checkKeepalive(
  { configuration: { peers } }: TunnelFacts,
  endpoints: readonly EndpointFacts[],
): Outcome[] {
  const isBehindNat = ({ address, route }: EndpointFacts): boolean =>
    address !== undefined &&
    isPublic(address) &&
    route?.source !== undefined &&
    isPrivate(route.source);
  const needsOne = ({ publicKey, persistentKeepalive }: PeerFacts): boolean =>
    persistentKeepalive === 0 &&
    endpoints.some((endpoint) => endpoint.publicKey === publicKey && isBehindNat(endpoint));
  if (!peers.some(needsOne)) return [];
  return [
    warning(
      'PersistentKeepalive is off behind NAT: after a period of silence the peer cannot reach us',
      'PersistentKeepalive = 25, if the other side ever initiates traffic (harmless if not)',
    ),
  ];
}
