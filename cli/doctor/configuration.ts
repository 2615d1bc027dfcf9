/** Checks the configuration of a tunnel for consistency, and against the rest of the machine. */
import { contains, networkOf } from '../../protocol/ip.js';
import { checkDnsWay } from './dns.js';
import type { ConfigurationFacts, MachineFacts, TunnelFacts } from './facts.js';
import { type Finding, named, type Outcome, ok, problem, warning } from './finding.js';
import { addressOf, isAddress, isIpv6, lengthOf } from './prefixes.js';

export function checkConfiguration(tunnel: TunnelFacts, machine: MachineFacts): Finding[] {
  const { configuration, name } = tunnel;
  const found = [
    ...named('configuration', 'keys', ...checkKeys(tunnel)),
    ...named('configuration', 'AllowedIPs', ...checkPeerOverlap(configuration)),
    ...named('configuration', 'local networks', ...checkLocalNetworks(tunnel, machine)),
    ...named('configuration', 'addresses', ...checkAddresses(tunnel, machine)),
    ...named('configuration', 'loop', ...checkEndpointInside(tunnel, machine)),
    ...named('configuration', 'IPv6', ...checkIpv6(configuration, machine, name)),
    ...named('configuration', 'DNS', ...checkDnsRoutes(configuration)),
    ...named('configuration', 'file', ...tunnel.fileWarnings.map(asWarning)),
  ];
  const dns = named('configuration', 'DNS', ...checkDnsWay(tunnel, machine));
  if (found.some(({ state }) => state !== 'ok')) return [...found, ...dns];
  const good = ok(`public key ${configuration.publicKey}`);
  return [...named('configuration', 'file and keys', good), ...dns];
}

function asWarning(text: string): Outcome {
  const [detail = text, hint] = text.split(': run ');
  return warning(detail, hint ?? 'see wg-ts check');
}

export function checkKeys({ configuration, running, filePublicKey }: TunnelFacts): Outcome[] {
  const { publicKey, peers } = configuration;
  const outcomes: Outcome[] = [];
  if (running && filePublicKey !== undefined && filePublicKey !== running.publicKey)
    outcomes.push(
      problem(
        `the private key in the file (public key ${filePublicKey}) differs from that of the running tunnel (${running.publicKey})`,
        'take the tunnel down and bring it up again to use the key in the file',
      ),
    );
  if (peers.some((peer) => peer.publicKey === publicKey))
    outcomes.push(
      problem(
        'our own public key is listed as a Peer, which is ignored',
        'PublicKey in [Peer] is that of the other side: take it from wg show or wg-ts show there',
      ),
    );
  const keys = peers.map((peer) => peer.publicKey);
  for (const key of new Set(keys.filter((one, i) => keys.indexOf(one) !== i)))
    outcomes.push(
      problem(`two peers have the public key ${key}`, 'merge them into one, with all AllowedIPs'),
    );
  return outcomes;
}

/** A network within another peer's is a legitimate exception; the same network twice is an error. */
export function checkPeerOverlap({ peers }: ConfigurationFacts): Outcome[] {
  const owners = new Map<string, string>();
  const outcomes: Outcome[] = [];
  for (const { publicKey, allowedIps } of peers)
    for (const prefix of allowedIps.map(networkOf)) {
      const owner = owners.get(prefix);
      if (owner !== undefined && owner !== publicKey)
        outcomes.push(
          problem(
            `${prefix} is in AllowedIPs of two peers: only ${publicKey} gets it`,
            `remove it from one of them; the other is ${owner}`,
          ),
        );
      owners.set(prefix, publicKey);
    }
  return outcomes;
}

export function checkLocalNetworks(
  { name, configuration }: TunnelFacts,
  { routes }: MachineFacts,
): Outcome[] {
  if (configuration.table === 'off') return [];
  const local = routes.filter(
    ({ isOnLink, interfaceName, destination }) =>
      isOnLink && interfaceName !== name && interfaceName !== 'lo' && lengthOf(destination) > 0,
  );
  const allowed = configuration.peers.flatMap((peer) => peer.allowedIps.map(networkOf));
  return local.flatMap((route) => {
    const { destination, interfaceName } = route;
    if (destination.startsWith('fe80:')) return [];
    const where = `${destination}, the network of ${interfaceName}`;
    if (allowed.includes(destination))
      return [
        problem(
          `AllowedIPs ${destination} is also the network of ${interfaceName}`,
          'narrow AllowedIPs, or renumber one of the networks: the same addresses cannot be on both sides',
        ),
      ];
    const inside = allowed.find((prefix) => contains(destination, prefix));
    if (inside !== undefined)
      return [
        warning(
          `AllowedIPs ${inside} is part of ${where}, and takes precedence over it`,
          'harmless if intended; otherwise narrow AllowedIPs',
        ),
      ];
    const around = allowed.find((prefix) => lengthOf(prefix) > 0 && contains(prefix, destination));
    if (around === undefined) return [];
    return [
      warning(
        `AllowedIPs ${around} contains ${where}, which stays outside the tunnel`,
        'harmless unless hosts behind the tunnel have addresses in that network',
      ),
    ];
  });
}

export function checkAddresses(
  { name, configuration: { addresses } }: TunnelFacts,
  { interfaces }: MachineFacts,
): Outcome[] {
  return addresses.map(addressOf).flatMap((address) => {
    const other = interfaces.find(
      (one) => one.name !== name && one.addresses.some((text) => addressOf(text) === address),
    );
    if (!other) return [];
    return [
      problem(
        `the address ${address} of the tunnel is also that of ${other.name}`,
        `give one of them another address, or take ${other.name} down`,
      ),
    ];
  });
}

/** Checks the configuration only; when the tunnel is up, the route itself is checked. */
export function checkEndpointInside(
  { name, configuration, running }: TunnelFacts,
  { routes }: MachineFacts,
): Outcome[] {
  if (running || configuration.table === 'off') return [];
  const allowed = configuration.peers.flatMap((peer) => peer.allowedIps);
  return configuration.peers.flatMap(({ endpoint }) => {
    if (!endpoint || !isAddress(endpoint.host)) return [];
    const { host } = endpoint;
    const into = longest(allowed, host);
    // The tunnel's own packets bypass a default route into it.
    if (into === undefined || lengthOf(into) === 0 || hasDefault(allowed, host)) return [];
    const others = routes.filter(({ interfaceName }) => interfaceName !== name);
    const past = longest(
      others.map(({ destination }) => destination),
      host,
    );
    if (past !== undefined && lengthOf(past) > lengthOf(into)) return [];
    return [
      problem(
        `the endpoint ${host} is within AllowedIPs ${into}: the tunnel would be routed into itself`,
        `remove ${host} from AllowedIPs, or use 0.0.0.0/0, with which the tunnel's own packets bypass the tunnel`,
      ),
    ];
  });
}

function longest(prefixes: readonly string[], address: string): string | undefined {
  return prefixes
    .filter((prefix) => contains(prefix, address))
    .toSorted((a, b) => lengthOf(b) - lengthOf(a))[0];
}

function hasDefault(prefixes: readonly string[], address: string): boolean {
  return prefixes.some((prefix) => lengthOf(prefix) === 0 && isIpv6(prefix) === isIpv6(address));
}

export function checkIpv6(
  { addresses, peers }: ConfigurationFacts,
  { sysctls }: MachineFacts,
  name: string,
): Outcome[] {
  const usesIpv6 = [...addresses, ...peers.flatMap((peer) => peer.allowedIps)].some(isIpv6);
  if (!usesIpv6) return [];
  const key = [name, 'all', 'default']
    .map((which) => `net.ipv6.conf.${which}.disable_ipv6`)
    .find((candidate) => sysctls[candidate] === 1);
  if (key === undefined) return [];
  return [
    problem(
      'the file has IPv6 addresses, but IPv6 is disabled on this machine',
      `sysctl -w ${key}=0, or remove the IPv6 addresses from the file`,
    ),
  ];
}

export function checkDnsRoutes({ dnsServers, peers, addresses }: ConfigurationFacts): Outcome[] {
  const inside = [...peers.flatMap((peer) => peer.allowedIps), ...addresses];
  return dnsServers
    .filter((server) => !inside.some((prefix) => contains(prefix, server)))
    .map((server) =>
      warning(
        `the name server ${server} is not in AllowedIPs: queries to it bypass the tunnel`,
        `add ${networkOf(server)} to the AllowedIPs of the peer that can reach it`,
      ),
    );
}
