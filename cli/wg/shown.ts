import { encodeKey } from '../../src/config/key.js';
import type { PeerStatus } from '../../src/index.js';
import { publicKeyOf } from '../../src/keys.js';
import { wgEndpoint, wgPrefix } from '../../src/uapi/addresses.js';
import type { UapiDevice, UapiPeer } from '../../src/uapi/codec.js';

/** What `show` prints of an interface; contains no secrets unless asked for. */
export interface ShownInterface {
  readonly name: string;
  /** Base64; undefined for an interface without a private key. */
  readonly publicKey?: string;
  /** Base64, only if the user wants to see it. */
  readonly privateKey?: string;
  readonly listenPort: number;
  readonly fwMark: number;
  readonly dataPlane?: string;
  /** Addresses are spelled as in wg(8). */
  readonly peers: readonly PeerStatus[];
  /** Base64, by the public keys of the peers; only if the user wants to see them. */
  readonly presharedKeys?: ReadonlyMap<string, string>;
}

/** The peer heard from last comes first, as in wg(8). */
export function withoutSecrets(name: string, device: UapiDevice): ShownInterface {
  const { privateKey, listenPort, fwMark, dataPlane, peers } = device;
  return {
    name,
    ...(privateKey && { publicKey: encodeKey(publicKeyOf(privateKey)) }),
    listenPort,
    fwMark,
    ...(dataPlane !== undefined && { dataPlane }),
    peers: latestFirst(peers).map(({ presharedKey, publicKey, endpoint, ...rest }) => ({
      ...rest,
      ...(endpoint !== undefined && { endpoint: wgEndpoint(endpoint) }),
      allowedIps: rest.allowedIps.map(wgPrefix),
      publicKey: encodeKey(publicKey),
      hasPresharedKey: presharedKey !== undefined,
    })),
  };
}

/** For WG_HIDE_KEYS=never. The texts cannot be zeroed; use them only for printing. */
export function withSecrets(name: string, device: UapiDevice): ShownInterface {
  const { privateKey, peers } = device;
  return {
    ...withoutSecrets(name, device),
    ...(privateKey && { privateKey: encodeKey(privateKey.expose()) }),
    presharedKeys: new Map(
      peers.flatMap(({ publicKey, presharedKey: key }) =>
        key ? [[encodeKey(publicKey), encodeKey(key.expose())]] : [],
      ),
    ),
  };
}

function latestFirst(peers: readonly UapiPeer[]): UapiPeer[] {
  return peers.toSorted(
    (a, b) =>
      Number(b.latestHandshake > a.latestHandshake) - Number(a.latestHandshake > b.latestHandshake),
  );
}

/** For `--json`: contains no secrets, even if `shown` does. */
export function toJson(shown: ShownInterface): object {
  const { name, publicKey, listenPort, fwMark, dataPlane, peers } = shown;
  return {
    name,
    publicKey: publicKey ?? null,
    listenPort,
    fwMark,
    ...(dataPlane !== undefined && { dataPlane }),
    peers: peers.map((peer) => ({
      publicKey: peer.publicKey,
      hasPresharedKey: peer.hasPresharedKey,
      endpoint: peer.endpoint ?? null,
      allowedIps: peer.allowedIps,
      latestHandshake: Number(peer.latestHandshake / 1_000_000_000n),
      rxBytes: Number(peer.rxBytes),
      txBytes: Number(peer.txBytes),
      persistentKeepalive: peer.persistentKeepalive,
    })),
  };
}
