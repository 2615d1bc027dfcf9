import { KEY_LENGTH } from '../../crypto/aead.js';
import { Secret } from '../../crypto/secret.js';
import type { PeerChange } from '../../protocol/device.js';
import { type IpPrefix, networkId } from '../../protocol/ip.js';
import { encodeKey } from '../config/key.js';
import type { DeviceChange } from './change.js';

/** The combined result of a file's sections for one peer. */
interface WantedPeer {
  readonly section: PeerChange;
  /** Networks by their `networkId`. */
  readonly networks: Map<string, IpPrefix>;
}

/**
 * Returns the change that turns `running` into what `file` says; both are given as changes of an empty
 * device. Peers that need no change are left out, and keep their sessions. As with setconf, keys that
 * [Interface] does not name are reset. The secrets in the result are those of `file` only.
 */
export function syncChange(file: DeviceChange, running: DeviceChange): DeviceChange {
  const wanted = wantedPeers(file.peers);
  const present = new Map(running.peers.map((peer) => [encodeKey(peer.publicKey), peer]));
  const gone = running.peers.filter(({ publicKey }) => !wanted.has(encodeKey(publicKey)));
  return {
    ...interfaceChange(file, running),
    peers: [
      ...gone.map(({ publicKey }) => ({ publicKey, remove: true })),
      ...[...wanted].flatMap(([id, peer]) => peerChange(peer, present.get(id)) ?? []),
    ],
  };
}

export function isEmptyChange({ privateKey, listenPort, fwMark, peers }: DeviceChange): boolean {
  return !privateKey && listenPort === undefined && fwMark === undefined && peers.length === 0;
}

function interfaceChange(file: DeviceChange, running: DeviceChange): Omit<DeviceChange, 'peers'> {
  const { listenPort = 0, fwMark = 0 } = file;
  const privateKey = newSecret(file.privateKey, running.privateKey);
  return {
    ...(privateKey && { privateKey }),
    ...(listenPort !== (running.listenPort ?? 0) && { listenPort }),
    ...(fwMark !== (running.fwMark ?? 0) && { fwMark }),
  };
}

/**
 * Returns zeros, which mean none, when there is a secret to be removed; undefined when nothing changes.
 */
function newSecret(wanted: Secret | undefined, present: Secret | undefined): Secret | undefined {
  const none = Secret.take(new Uint8Array(KEY_LENGTH));
  const secret = wanted ?? none;
  return secret.equals(present ?? none) ? undefined : secret;
}

/** A later section for the same peer replaces its AllowedIPs, and a network moves to the last one. */
function wantedPeers(sections: readonly PeerChange[]): Map<string, WantedPeer> {
  const peers = new Map<string, WantedPeer>();
  const owners = new Map<string, WantedPeer>();
  for (const section of sections) {
    const id = encodeKey(section.publicKey);
    const networks = new Map<string, IpPrefix>();
    const peer = { section: { ...peers.get(id)?.section, ...section }, networks };
    peers.set(id, peer);
    for (const network of section.allowedIps ?? []) {
      const key = networkId(network);
      const owner = owners.get(key);
      if (owner !== peer) owner?.networks.delete(key);
      owners.set(key, peer);
      networks.set(key, network);
    }
  }
  return peers;
}

function peerChange(
  { section, networks }: WantedPeer,
  present: PeerChange | undefined,
): PeerChange | undefined {
  const { publicKey, presharedKey, endpoint, persistentKeepalive = 0 } = section;
  const { endpoint: from } = present ?? {};
  const isElsewhere = endpoint?.address !== from?.address || endpoint?.port !== from?.port;
  const newKey = newSecret(presharedKey, present?.presharedKey);
  const change = {
    ...(newKey && { presharedKey: newKey }),
    ...(endpoint && isElsewhere && { endpoint }),
    ...(persistentKeepalive !== (present?.persistentKeepalive ?? 0) && { persistentKeepalive }),
    ...(!hasExactly(networks, present?.allowedIps ?? []) && {
      replaceAllowedIps: true,
      allowedIps: [...networks.values()],
    }),
  };
  if (present && Object.keys(change).length === 0) return undefined;
  return { publicKey, ...change };
}

function hasExactly(wanted: ReadonlyMap<string, IpPrefix>, present: readonly IpPrefix[]): boolean {
  const keys = new Set(present.map(networkId));
  return wanted.size === keys.size && [...keys].every((key) => wanted.has(key));
}
