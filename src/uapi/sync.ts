import { KEY_LENGTH } from '../../crypto/aead.js';
import { Secret } from '../../crypto/secret.js';
import { networkOf } from '../../protocol/ip.js';
import { encodeKey } from '../config/key.js';
import { wgEndpoint } from './addresses.js';
import type { UapiChange, UapiPeerChange } from './change.js';
import type { UapiDevice, UapiPeer } from './codec.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What the sections of a file come to for one peer, once all have taken effect. */
interface WantedPeer extends Mutable<Omit<UapiPeerChange, 'allowedIps'>> {
  readonly networks: Set<string>;
}

/**
 * What has to change for `running` to become what `file` says; peers that are so already are left
 * out, and keep their sessions. As with setconf, what [Interface] does not name goes back to none.
 * The secrets in the result are those of `file` and of nobody else.
 */
export function syncChange(file: UapiChange, running: UapiDevice): UapiChange {
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

export function isEmptyChange({ privateKey, listenPort, fwMark, peers }: UapiChange): boolean {
  return !privateKey && listenPort === undefined && fwMark === undefined && peers.length === 0;
}

function interfaceChange(file: UapiChange, running: UapiDevice): Omit<UapiChange, 'peers'> {
  const { listenPort = 0, fwMark = 0 } = file;
  const privateKey = newSecret(file.privateKey, running.privateKey);
  return {
    ...(privateKey && { privateKey }),
    ...(listenPort !== running.listenPort && { listenPort }),
    ...(fwMark !== running.fwMark && { fwMark }),
  };
}

/** Zeros, which stand for none, where there is one and shall be none. */
function newSecret(wanted: Secret | undefined, present: Secret | undefined): Secret | undefined {
  const none = Secret.take(new Uint8Array(KEY_LENGTH));
  const secret = wanted ?? none;
  return secret.equals(present ?? none) ? undefined : secret;
}

/** A later section for the same peer replaces its AllowedIPs, and a network moves to the last one. */
function wantedPeers(sections: readonly UapiPeerChange[]): Map<string, WantedPeer> {
  const peers = new Map<string, WantedPeer>();
  for (const { allowedIps = [], ...section } of sections) {
    const id = encodeKey(section.publicKey);
    const networks = new Set(allowedIps.map(networkOf));
    for (const other of peers.values())
      for (const network of networks) other.networks.delete(network);
    peers.set(id, { ...peers.get(id), ...section, networks });
  }
  return peers;
}

function peerChange(wanted: WantedPeer, present: UapiPeer | undefined): UapiPeerChange | undefined {
  const { networks, publicKey, presharedKey, endpoint, persistentKeepalive = 0 } = wanted;
  const isNewEndpoint =
    endpoint !== undefined && endpoint !== (present?.endpoint && wgEndpoint(present.endpoint));
  const newKey = newSecret(presharedKey, present?.presharedKey);
  const hasNewNetworks = !isSame(networks, new Set(present?.allowedIps.map(networkOf)));
  const change = {
    ...(newKey && { presharedKey: newKey }),
    ...(isNewEndpoint && { endpoint }),
    ...(persistentKeepalive !== (present?.persistentKeepalive ?? 0) && { persistentKeepalive }),
    ...(hasNewNetworks && { replaceAllowedIps: true, allowedIps: [...networks] }),
  };
  if (present && Object.keys(change).length === 0) return undefined;
  return { publicKey, ...change };
}

function isSame(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((item) => b.has(item));
}
