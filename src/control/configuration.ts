/** Changes of a tunnel that is up, as wg(8) makes them. */
import { isAllZero, Secret } from '../../crypto/secret.js';
import type { Endpoint } from '../../protocol/dataplane.js';
import type { PeerChange } from '../../protocol/device.js';
import { type IpPrefix, parsePrefix } from '../../protocol/ip.js';
import { type ErrorDetails, WgTsError } from '../../system/errors.js';
import { decodeKey, encodeKey } from '../config/key.js';
import { parseEndpoint } from '../config/values.js';
import type { OpenedPlane } from '../dataplane/open.js';
import type { UapiChange, UapiPeerChange } from '../uapi/change.js';
import type { UapiDevice } from '../uapi/codec.js';
import type { Driver } from './driver.js';
import { type StatusParts, statusOf } from './status.js';

const EINVAL = 22;
const EPERM = 1;
const EADDRINUSE = 98;
/** What wg(8) shall be told by the code of an error of ours. */
const ERRNO: Readonly<Record<string, number>> = {
  ERR_PORT_IN_USE: EADDRINUSE,
  ERR_MARK: EPERM,
};

/** Why nothing was changed. */
export class ChangeError extends WgTsError {
  /** Stable across versions. */
  declare readonly code: 'ERR_CHANGE';
  /** A positive number of errno.h; undefined when there is no fitting one. */
  readonly errno: number | undefined;

  /** `message` is one line. */
  constructor(message: string, errno: number | undefined, details?: ErrorDetails) {
    super('ERR_CHANGE', message, details);
    this.name = 'ChangeError';
    this.errno = errno;
  }
}

export interface LiveParts extends StatusParts {
  readonly driver: Driver;
  readonly opened: Pick<OpenedPlane, 'listen' | 'setMark'>;
}

/** Reads and changes the configuration of a running device. */
export class LiveConfiguration {
  readonly #name: string;
  readonly #parts: LiveParts;
  /** What was asked for; 0: the system chose. */
  #wantedPort: number;
  readonly #routingMark: number;
  readonly #onChanged: () => void;

  /**
   * `routingMark`: was chosen for the policy rules of a default route, which would send the tunnel's
   * own packets into it without. So a file that names no mark, as after `wg-ts strip`, leaves it.
   * `onChanged`: the port or the endpoints of peers may be other ones.
   */
  constructor(
    name: string,
    parts: LiveParts,
    options: {
      readonly wantedPort: number;
      readonly routingMark: number;
      readonly onChanged?: () => void;
    },
  ) {
    this.#name = name;
    this.#parts = parts;
    this.#wantedPort = options.wantedPort;
    this.#routingMark = options.routingMark;
    this.#onChanged = options.onChanged ?? (() => undefined);
  }

  /** The secrets in it are the device's own: use them at once, and do not zero them. */
  read(): UapiDevice {
    const { device } = this.#parts;
    const { listenPort, fwMark, dataPlane, peers } = statusOf(this.#name, this.#parts);
    return {
      ...(!isAllZero(device.privateKey.expose()) && { privateKey: device.privateKey }),
      listenPort,
      fwMark,
      dataPlane,
      peers: peers.map((peer) => {
        const publicKey = decodeKey(peer.publicKey) ?? new Uint8Array(32);
        const id = device.peer(publicKey)?.id;
        const presharedKey =
          peer.hasPresharedKey && id !== undefined ? device.presharedKey(id) : undefined;
        return { ...peer, publicKey, ...(presharedKey && { presharedKey }) };
      }),
    };
  }

  /**
   * Not before the change before it is done. What can fail comes first, so that a change that is
   * refused changes nothing; sessions of peers that stay go on. Throws ChangeError.
   */
  async change(change: UapiChange): Promise<void> {
    const peers = peerChanges(change);
    await this.#changeSockets(change);
    const { driver, device } = this.#parts;
    if (change.privateKey) driver.setPrivateKey(change.privateKey);
    const kept = new Set(change.peers.map(({ publicKey }) => encodeKey(publicKey)));
    if (change.replacePeers)
      for (const { publicKey } of device.peers())
        if (!kept.has(encodeKey(publicKey))) driver.configure({ publicKey, remove: true });
    for (const peer of peers) driver.configure(peer);
    this.#onChanged();
  }

  async #changeSockets({ listenPort, fwMark: wantedMark }: UapiChange): Promise<void> {
    const parts = this.#parts;
    const previous = parts.fwMark;
    const fwMark = wantedMark === 0 ? this.#routingMark : wantedMark;
    try {
      if (fwMark !== undefined && fwMark !== previous) {
        parts.opened.setMark(fwMark);
        parts.fwMark = fwMark;
      }
      if (listenPort === undefined || listenPort === this.#wantedPort) return;
      // A port that was chosen by the system already is as good as another one.
      if (listenPort !== parts.listenPort) parts.listenPort = await parts.opened.listen(listenPort);
      this.#wantedPort = listenPort;
    } catch (error) {
      if (parts.fwMark !== previous) {
        parts.opened.setMark(previous);
        parts.fwMark = previous;
      }
      const { code, message } = error as Error & { readonly code?: string };
      throw new ChangeError(message, code === undefined ? undefined : ERRNO[code], {
        cause: error,
      });
    }
  }
}

/** With `replacePeers` all that a peer keeps unsaid is its sessions, and so where it is. */
function peerChanges({ peers, replacePeers }: UapiChange): PeerChange[] {
  const seen = new Set<string>();
  return peers.map((peer) => {
    const key = encodeKey(peer.publicKey);
    const isFirst = !seen.has(key);
    seen.add(key);
    return { ...(replacePeers && isFirst && BLANK), ...peerChange(peer) };
  });
}

const BLANK = {
  presharedKey: Secret.take(new Uint8Array(32)),
  persistentKeepalive: 0,
  replaceAllowedIps: true,
} as const;

function peerChange(peer: UapiPeerChange): PeerChange {
  const { endpoint, allowedIps, removeAllowedIps, ...rest } = peer;
  return {
    ...rest,
    ...(endpoint !== undefined && { endpoint: endpointOf(endpoint) }),
    ...(allowedIps && { allowedIps: allowedIps.map(prefixOf) }),
    ...(removeAllowedIps && { removeAllowedIps: removeAllowedIps.map(prefixOf) }),
  };
}

function endpointOf(text: string): Endpoint {
  const parsed = parseEndpoint(text, () => undefined);
  if (!parsed) throw new ChangeError('an endpoint is no IP address with a port', EINVAL);
  return { address: parsed.host, port: parsed.port };
}

function prefixOf(text: string): IpPrefix {
  const prefix = parsePrefix(text);
  if (!prefix) throw new ChangeError('an allowed IP is no network', EINVAL);
  return prefix;
}
