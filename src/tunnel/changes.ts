/** Changes of a tunnel that is up, by its program and by wg(8), carried out one after the other. */
import type { Device } from '../../protocol/device.js';
import { WgTsError } from '../../system/errors.js';
import { formatEndpoint } from '../config/format.js';
import { encodeKey } from '../config/key.js';
import type { Config, PeerConfig } from '../config/model.js';
import { endpointsOf } from '../config/model.js';
import type { LiveConfiguration } from '../control/configuration.js';
import { findPeers, firstAddress } from '../control/endpoints/candidates.js';
import type { Connector } from '../control/endpoints/connector.js';
import type { ReachablePeer } from '../control/endpoints/peerlink.js';
import type { ResolveOptions } from '../control/endpoints/resolve.js';
import type { DeviceChange } from '../uapi/change.js';
import { isEmptyChange, syncChange } from '../uapi/sync.js';
import { changeOf, fixedKeysThatDiffer, restartNeeded } from './configchange.js';
import { type PeerOptions, readPeer, readPublicKey } from './peeroptions.js';
import type { LiveRoutes } from './routes.js';

export interface TunnelChangesParts {
  readonly device: Device;
  readonly live: LiveConfiguration;
  readonly connector: Connector;
  /** Undefined where the tunnel has no routes of the system. */
  readonly routes: LiveRoutes | undefined;
  readonly resolving: ResolveOptions;
}

/**
 * Options of a call that waits: when aborted, it rejects with the signal's reason and has changed
 * nothing.
 */
export interface WaitOptions {
  /** Aborts the wait. */
  readonly signal?: AbortSignal;
}

export class TunnelChanges {
  readonly #parts: TunnelChangesParts;
  /** The last configuration, without later changes of single peers. */
  #config: Config;
  #queue: Promise<unknown> = Promise.resolve();
  /** There may be routes that are no longer in the AllowedIPs of any peer. */
  #hasOldRoutes = true;

  constructor(parts: TunnelChangesParts, config: Config) {
    this.#parts = parts;
    this.#config = config;
  }

  async add(options: PeerOptions, wait: WaitOptions): Promise<void> {
    const { device, connector } = this.#parts;
    const { change, endpoint, zero } = readPeer(options);
    try {
      const { publicKey } = change;
      if (encodeKey(publicKey) === encodeKey(device.publicKey))
        throw new WgTsError('ERR_USAGE', "the peer's publicKey is that of the tunnel itself");
      const found = endpoint && (await this.#find({ publicKey, allowedIps: [], endpoint }, wait));
      await this.#oneByOne(async () => {
        // A new peer removes no route, so the others need not be checked.
        const isNew = !device.peer(publicKey);
        const address = firstAddress(found);
        const peer = { ...change, ...(address && { endpoint: address }) };
        await this.#changeWithRoutes({ peers: [peer] }, !isNew);
        if (found) connector.setPeer(found);
      }, wait);
    } finally {
      zero();
    }
  }

  /** Resolves to false when there is no such peer. */
  async remove(key: string | Uint8Array): Promise<boolean> {
    const publicKey = readPublicKey(key);
    return await this.#oneByOne(async () => {
      if (!this.#parts.device.peer(publicKey)) return false;
      await this.#changeWithRoutes({ peers: [{ publicKey, remove: true }] });
      this.#parts.connector.forget(publicKey);
      return true;
    });
  }

  /** With `routes`, the system's routes follow the AllowedIPs; wg(8) leaves them unchanged. */
  async configure(change: DeviceChange, { routes }: { readonly routes: boolean }): Promise<void> {
    await this.#oneByOne(async () => {
      if (routes) return await this.#changeWithRoutes(change);
      this.#hasOldRoutes = true;
      await this.#parts.live.change(change);
    });
  }

  async setConfig(config: Config, wait: WaitOptions): Promise<void> {
    const { routes, live, connector, resolving } = this.#parts;
    const fixed = fixedKeysThatDiffer(this.#config, config, routes !== undefined);
    if (fixed.length > 0)
      throw restartNeeded(`${fixed.join(', ')} cannot change while the tunnel is up`);
    const found = await findPeers(config.peers, withSignal(resolving, wait));
    await this.#oneByOne(async () => {
      const before = new Map(this.#config.peers.map((peer) => [encodeKey(peer.publicKey), peer]));
      const hasMoved = (peer: PeerConfig): boolean =>
        endpointsText(peer) !== endpointsText(before.get(encodeKey(peer.publicKey)));
      const running = live.state();
      const present = new Set(running.peers.map(({ publicKey }) => encodeKey(publicKey)));
      // The endpoint to which a peer has roamed is kept, unless its configured endpoint has changed.
      const moved = new Map(
        [...found].filter(([peer]) => hasMoved(peer) || !present.has(encodeKey(peer.publicKey))),
      );
      const change = syncChange(changeOf(config, moved), running);
      if (!isEmptyChange(change)) await this.#changeWithRoutes(change);
      const wanted = new Set(config.peers.map(({ publicKey }) => encodeKey(publicKey)));
      for (const { publicKey } of running.peers)
        if (!wanted.has(encodeKey(publicKey))) connector.forget(publicKey);
      for (const peer of moved.values()) connector.setPeer(peer);
      this.#config = config;
    }, wait);
  }

  async #changeWithRoutes(change: DeviceChange, takesAway = true): Promise<void> {
    const { live, routes, device } = this.#parts;
    const takeBack = await routes?.prepare(change);
    try {
      await live.change(change);
    } catch (error) {
      await takeBack?.();
      throw error;
    }
    this.#hasOldRoutes ||= takesAway;
    if (!routes || !this.#hasOldRoutes) return;
    await routes.keepOnly(device.peers().flatMap(({ allowedIps }) => allowedIps));
    this.#hasOldRoutes = false;
  }

  async #find(peer: PeerConfig, wait: WaitOptions): Promise<ReachablePeer | undefined> {
    return (await findPeers([peer], withSignal(this.#parts.resolving, wait))).get(peer);
  }

  #oneByOne<T>(work: () => Promise<T>, { signal }: WaitOptions = {}): Promise<T> {
    const done = this.#queue.then(() => {
      signal?.throwIfAborted();
      return work();
    });
    this.#queue = done.catch(() => undefined);
    return done;
  }
}

function withSignal(resolving: ResolveOptions, { signal }: WaitOptions): ResolveOptions {
  return { ...resolving, ...(signal && { signal }) };
}

function endpointsText(peer: PeerConfig | undefined): string {
  return peer ? endpointsOf(peer).map(formatEndpoint).join() : '';
}
