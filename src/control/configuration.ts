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
/** The errno to report to wg(8) for the code of a WgTsError. */
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
  /** The port that was asked for; 0: the system chose. */
  #wantedPort: number;
  readonly #routingMark: number;
  readonly #onChanged: () => void;

  /**
   * `routingMark` was chosen for the policy rules of a default route; without it they would send the
   * tunnel's own packets into the tunnel. So a file without a mark, as after `wg-ts strip`, leaves it
   * unchanged. `onChanged` is called when the port or endpoints of peers may have changed.
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

  /**
   * Returns the change that would turn an empty device into this one. The secrets are as with `read`.
   */
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
   * Call it only after the previous change is done. Whatever can fail comes first, so that a refused
   * change changes nothing; peers that stay keep their sessions. Throws ChangeError.
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
      // A port that the system has already chosen is as good as another one.
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

/**
 * With `replacePeers`, a peer keeps only its sessions and its endpoint, apart from what the change
 * sets.
 */
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
