/** Which parts of a configuration can change while its tunnel is up, as changes of the device. */
import type { PeerChange } from '../../protocol/device.js';
import { formatPrefix } from '../../protocol/ip.js';
import { WgTsError } from '../../system/errors.js';
import { formatEndpoint } from '../config/format.js';
import type { Config, InterfaceConfig, PeerConfig } from '../config/model.js';
import { firstAddress } from '../control/endpoints/candidates.js';
import type { ReachablePeer } from '../control/endpoints/peerlink.js';
import type { DeviceChange } from '../uapi/change.js';

type Part = (own: InterfaceConfig) => unknown;

/** Keys that are fixed for every tunnel. */
const FIXED: Readonly<Record<string, Part>> = {
  MTU: ({ mtu, probesMtu }) => [mtu, probesMtu ?? false],
  ReresolveInterval: ({ reresolveInterval }) => reresolveInterval ?? 0,
  Metrics: ({ metrics }) => metrics && formatEndpoint(metrics),
};

/** Keys that are fixed where the interface is the system's. */
const FIXED_OF_SYSTEM: Readonly<Record<string, Part>> = {
  Address: ({ addresses }) => addresses.map(formatPrefix),
  DNS: ({ dnsServers, dnsSearch }) => [dnsServers, dnsSearch],
  Table: ({ table }) => table,
  PreUp: ({ preUp }) => preUp,
  PostUp: ({ postUp }) => postUp,
  PreDown: ({ preDown }) => preDown,
  PostDown: ({ postDown }) => postDown,
  SaveConfig: ({ saveConfig }) => saveConfig,
  KillSwitch: ({ killSwitch }) => killSwitch ?? false,
};

/** Returns the keys of [Interface] that differ and take effect only when a tunnel is brought up. */
export function fixedKeysThatDiffer(
  { interface: before }: Config,
  { interface: after }: Config,
  isOfSystem: boolean,
): string[] {
  const parts = { ...FIXED, ...(isOfSystem && FIXED_OF_SYSTEM) };
  const text = (part: Part, own: InterfaceConfig): string => JSON.stringify(part(own) ?? null);
  return Object.entries(parts).flatMap(([key, part]) =>
    text(part, before) === text(part, after) ? [] : [key],
  );
}

/**
 * Returns the change for a file that wg(8) reads, with the endpoints in `found`. The secrets are those
 * of `config`.
 */
export function changeOf(
  { interface: own, peers }: Config,
  found: ReadonlyMap<PeerConfig, ReachablePeer>,
): DeviceChange {
  const { privateKey, listenPort, fwMark } = own;
  return {
    privateKey,
    ...(listenPort !== undefined && { listenPort }),
    ...(fwMark !== undefined && { fwMark }),
    peers: peers.map((peer) => peerChangeOf(peer, found.get(peer))),
  };
}

/** Returns the complete settings of a peer; without `found`, its endpoint stays unchanged. */
export function peerChangeOf(
  { publicKey, presharedKey, allowedIps, persistentKeepalive = 0 }: PeerConfig,
  found: ReachablePeer | undefined,
): PeerChange {
  const endpoint = firstAddress(found);
  return {
    publicKey,
    replaceAllowedIps: true,
    allowedIps,
    persistentKeepalive,
    ...(presharedKey && { presharedKey }),
    ...(endpoint && { endpoint }),
  };
}

/** `what` is a clause that says what takes effect at `connect` only. */
export function restartNeeded(what: string): WgTsError {
  return new WgTsError('ERR_RESTART_NEEDED', what, {
    hint: 'close the tunnel and connect it with the new configuration',
  });
}
