import type {
  ConfigurationFacts,
  EndpointFacts,
  MachineFacts,
  PeerFacts,
  TunnelFacts,
} from '../../cli/doctor/facts.js';
import type { Finding, Outcome } from '../../cli/doctor/finding.js';

export const OURS = 'OUR0000000000000000000000000000000000000000=';
export const THEIRS = 'THEIR00000000000000000000000000000000000000=';

export function machineWith(change: Partial<MachineFacts> = {}): MachineFacts {
  return {
    platform: 'linux',
    isPrivileged: true,
    now: Date.UTC(2026, 5, 1),
    hasTun: true,
    programs: new Set(['ip', 'nft', 'ping', 'resolvconf']),
    crashedTunnels: [],
    interfaces: [{ name: 'eth0', addresses: ['192.168.1.7/24'] }],
    routes: [
      { destination: '192.168.1.0/24', interfaceName: 'eth0', isOnLink: true },
      { destination: '0.0.0.0/0', interfaceName: 'eth0', isOnLink: false },
    ],
    sysctls: {},
    firewallRules: '',
    ...change,
  };
}

export function peerWith(change: Partial<PeerFacts> = {}): PeerFacts {
  return {
    publicKey: THEIRS,
    hasPresharedKey: false,
    endpoint: { host: '203.0.113.5', port: 51820 },
    allowedIps: ['10.0.0.0/24'],
    persistentKeepalive: 25,
    ...change,
  };
}

export function tunnelWith(
  change: Partial<ConfigurationFacts> = {},
  rest: Partial<TunnelFacts> = {},
): TunnelFacts {
  return {
    name: 'office',
    configuration: {
      publicKey: OURS,
      listenPort: 0,
      fwMark: 0,
      addresses: ['10.0.0.2/24'],
      dnsServers: [],
      table: 'auto',
      peers: [peerWith()],
      ...change,
    },
    fileWarnings: [],
    ...rest,
  };
}

export function runningWith(
  publicKey: string = OURS,
  fwMark: number = 0,
): Pick<TunnelFacts, 'running'> {
  return { running: { publicKey, listenPort: 40000, fwMark, peers: [] } };
}

export function endpointWith(change: Partial<EndpointFacts> = {}): EndpointFacts {
  return {
    publicKey: THEIRS,
    host: '203.0.113.5',
    port: 51820,
    address: '203.0.113.5',
    route: { interfaceName: 'eth0', source: '192.168.1.7' },
    answersPing: true,
    ...change,
  };
}

/** `state: detail`, one each. */
export function told(outcomes: readonly (Outcome | Finding)[]): string[] {
  return outcomes.map(({ state, detail }) => `${state}: ${detail}`);
}
