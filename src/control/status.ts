import type { DataPlane } from '../../protocol/dataplane.js';
import type { Device, DevicePeerStatus } from '../../protocol/device.js';
import { formatPrefix } from '../../protocol/ip.js';
import { formatDeviceEndpoint } from '../config/format.js';
import { encodeKey } from '../config/key.js';

/** The state of a tunnel as `wg show` shows it. */
export interface TunnelStatus {
  /** The interface's name. */
  readonly name: string;
  /** Base64. */
  readonly publicKey: string;
  /** UDP port, 1 to 65535. */
  readonly listenPort: number;
  /** 0 is none. */
  readonly fwMark: number;
  /** Bytes; may change when it follows the network. */
  readonly mtu: number;
  /** Which data plane runs: `native` or `portable`. */
  readonly dataPlane: string;
  /** In the order in which they were added. */
  readonly peers: readonly PeerStatus[];
}

/** The state of a peer as `wg show` shows it; never with a secret. */
export interface PeerStatus {
  /** Base64. */
  readonly publicKey: string;
  /** Whether it has a preshared key; the key itself is never included. */
  readonly hasPresharedKey: boolean;
  /** `192.0.2.1:51820`, `[2001:db8::1]:51820`. */
  readonly endpoint?: string;
  /** `10.0.0.0/24`, `fd00::/64`. */
  readonly allowedIps: readonly string[];
  /** Unix nanoseconds; 0 is never. */
  readonly latestHandshake: bigint;
  /** Received from the peer: bytes of UDP payload, handshakes and overhead included. */
  readonly rxBytes: bigint;
  /** Sent to the peer, counted the same way. */
  readonly txBytes: bigint;
  /** Seconds; 0 is off. */
  readonly persistentKeepalive: number;
}

/** The parts of a running tunnel that its status is read from. */
export interface StatusParts {
  readonly device: Device;
  readonly plane: DataPlane;
  listenPort: number;
  /** May change when it follows the network. */
  mtu: number;
  fwMark: number;
}

export function statusOf(name: string, parts: StatusParts): TunnelStatus {
  const { device, plane, listenPort, mtu, fwMark } = parts;
  return {
    name,
    publicKey: encodeKey(device.publicKey),
    listenPort,
    fwMark,
    mtu,
    dataPlane: plane.name,
    peers: device.peers().map((peer) => ({
      publicKey: encodeKey(peer.publicKey),
      hasPresharedKey: peer.hasPresharedKey,
      ...shownOf(peer, plane),
    })),
  };
}

/** Returns everything that wg(8) shows of a peer besides its keys. */
export function shownOf(
  { id, endpoint, allowedIps, latestHandshake, persistentKeepalive }: DevicePeerStatus,
  plane: DataPlane,
): Omit<PeerStatus, 'publicKey' | 'hasPresharedKey'> {
  return {
    ...(endpoint && { endpoint: formatDeviceEndpoint(endpoint) }),
    allowedIps: allowedIps.map(formatPrefix),
    latestHandshake,
    ...plane.transfer(id),
    persistentKeepalive,
  };
}
