import type { PeerStatus, TunnelStatus } from '../../src/index.js';

export const KEY = 'hT3vKp8wZq1XcRy6MdLs9FbGnJ2aUe7WoYi4QxBt5Hk=';

export function peerStatus(changes: Partial<PeerStatus> = {}): PeerStatus {
  return {
    publicKey: KEY,
    hasPresharedKey: true,
    endpoint: '192.0.2.1:51820',
    allowedIps: ['10.0.0.0/24', 'fd00::/64'],
    latestHandshake: 0n,
    rxBytes: 0n,
    txBytes: 0n,
    persistentKeepalive: 0,
    ...changes,
  };
}

export function tunnelStatus(
  peers: readonly PeerStatus[],
  changes: Partial<TunnelStatus> = {},
): TunnelStatus {
  return {
    name: 'office',
    publicKey: 'lJEZqDQNjW5dYWWz3c3zvIlJje8Mc+H+bP1rbwt5gQM=',
    listenPort: 51_820,
    fwMark: 0,
    mtu: 1420,
    dataPlane: 'portable',
    peers,
    ...changes,
  };
}
