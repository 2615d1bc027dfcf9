import { isAllZero, Secret } from '../../crypto/secret.js';
import type { RunningPlane } from '../../protocol/dataplane.js';
import type { DevicePeerStatus, PeerChange } from '../../protocol/device.js';
import { encodeKey } from '../config/key.js';
import { ChangeError, type DeviceChange } from '../uapi/change.js';
import type { UapiDevice } from '../uapi/codec.js';
import type { Driver } from './driver.js';
import { type StatusParts, shownOf } from './status.js';

const EPERM = 1;
const EADDRINUSE = 98;
/** What wg(8) shall be told by the code of an error of ours. */
const ERRNO: Readonly<Record<string, number>> = {
  ERR_PORT_IN_USE: EADDRINUSE,
  ERR_MARK: EPERM,
};

export interface LiveParts extends StatusParts {
  readonly driver: Driver;
  readonly plane: RunningPlane;
}

/** Reads and changes the configuration of a running device, as wg(8) does. */
export class LiveConfiguration {
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
    parts: LiveParts,
    options: {
      readonly wantedPort: number;
      readonly routingMark: number;
      readonly onChanged?: () => void;
    },
  ) {
    this.#parts = parts;
    this.#wantedPort = options.wantedPort;
    this.#routingMark = options.routingMark;
    this.#onChanged = options.onChanged ?? (() => undefined);
  }

  /** The secrets in it are the device's own: use them at once, and do not zero them. */
  read(): UapiDevice {
    const { device, plane } = this.#parts;
    return {
      ...this.#ofInterface(),
      dataPlane: plane.name,
      peers: device.peers().map((peer) => ({
        publicKey: Uint8Array.from(peer.publicKey),
        ...this.#presharedKeyOf(peer),
        ...shownOf(peer, plane),
      })),
    };
  }

  /** The change that would make it what it is, from nothing. The secrets are as with `read`. */
  state(): DeviceChange {
    return {
      ...this.#ofInterface(),
      peers: this.#parts.device.peers().map((peer) => ({
        publicKey: peer.publicKey,
        ...this.#presharedKeyOf(peer),
        ...(peer.endpoint && { endpoint: peer.endpoint }),
        persistentKeepalive: peer.persistentKeepalive,
        allowedIps: peer.allowedIps,
      })),
    };
  }

  /**
   * Not before the change before it is done. What can fail comes first, so that a change that is
   * refused changes nothing; sessions of peers that stay go on. Throws ChangeError.
   */
  async change(change: DeviceChange): Promise<void> {
    const peers = withBlanks(change);
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

  #ofInterface(): Pick<UapiDevice, 'privateKey' | 'listenPort' | 'fwMark'> {
    const { device, listenPort, fwMark } = this.#parts;
    const { privateKey } = device;
    return { ...(!isAllZero(privateKey.expose()) && { privateKey }), listenPort, fwMark };
  }

  #presharedKeyOf({ id, hasPresharedKey }: DevicePeerStatus): { readonly presharedKey?: Secret } {
    const presharedKey = hasPresharedKey ? this.#parts.device.presharedKey(id) : undefined;
    return presharedKey ? { presharedKey } : {};
  }

  async #changeSockets({ listenPort, fwMark: wantedMark }: DeviceChange): Promise<void> {
    const parts = this.#parts;
    const previous = parts.fwMark;
    const fwMark = wantedMark === 0 ? this.#routingMark : wantedMark;
    try {
      if (fwMark !== undefined && fwMark !== previous) {
        parts.plane.setMark(fwMark);
        parts.fwMark = fwMark;
      }
      if (listenPort === undefined || listenPort === this.#wantedPort) return;
      // A port that was chosen by the system already is as good as another one.
      if (listenPort !== parts.listenPort) parts.listenPort = await parts.plane.listen(listenPort);
      this.#wantedPort = listenPort;
    } catch (error) {
      if (parts.fwMark !== previous) {
        parts.plane.setMark(previous);
        parts.fwMark = previous;
      }
      const { code, message } = error as Error & { readonly code?: string };
      throw new ChangeError(message, code === undefined ? undefined : ERRNO[code], {
        cause: error,
      });
    }
  }
}

/** With `replacePeers`, all that a peer keeps unless told otherwise is its sessions and its endpoint. */
function withBlanks({ peers, replacePeers }: DeviceChange): PeerChange[] {
  const seen = new Set<string>();
  return peers.map((peer) => {
    const key = encodeKey(peer.publicKey);
    const isFirst = !seen.has(key);
    seen.add(key);
    return { ...(replacePeers && isFirst && BLANK), ...peer };
  });
}

const BLANK = {
  presharedKey: Secret.take(new Uint8Array(32)),
  persistentKeepalive: 0,
  replaceAllowedIps: true,
} as const;
