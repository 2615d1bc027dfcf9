/**
 * Keeps peers connected when they, the addresses of their Endpoints, or this machine's network change.
 */
import type { Action, Endpoint, Millis, PeerId } from '../../../protocol/dataplane.js';
import type { Device } from '../../../protocol/device.js';
import { MessageType } from '../../../protocol/messages.js';
import type { Clock } from '../../../system/clock.js';
import { formatDeviceEndpoint } from '../../config/format.js';
import { encodeKey } from '../../config/key.js';
import type { Logger } from '../../logger.js';
import type { Driver } from '../driver.js';
import { Lookups } from './lookups.js';
import { PacedQueue } from './paced.js';
import { PeerLink, type ReachablePeer } from './peerlink.js';
import type { Resolver } from './resolve.js';
import { type WakeupReason, type Wakeups, watchWakeups } from './wakeup.js';
import { openWayTable, type WayTable } from './ways.js';

/** Peers that reconnect in one turn of the event loop: each may need the cryptography of a handshake. */
const RECONNECT_BATCH = 16;
const RECONNECT_PAUSE: Millis = 10;

export interface ConnectorOptions {
  readonly device: Device;
  readonly driver: Driver;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly resolver?: Resolver;
  readonly peers: Iterable<ReachablePeer>;
  /** Seconds after which names are looked up again even when the peers are reachable. */
  readonly reresolveInterval?: number;
  /**
   * Name of the tunnel's interface, whose own changes are ignored. When it is given, all peers
   * reconnect when the machine wakes from sleep, and those to whose endpoints packets take another way
   * when its network changes.
   */
  readonly followNetworkBeside?: string;
  /** Returns the mark of the tunnel's own packets; 0 is none, which is the default. */
  readonly mark?: () => number;
  /** Called when a peer has another endpoint, before anything is sent to it. */
  readonly onMoved?: () => void;
}

export interface Connector {
  /** Sets the Endpoints of a peer; what was known of it before is forgotten. */
  setPeer(peer: ReachablePeer): void;
  /**
   * Stops looking for a peer that is gone, or whose endpoint is set elsewhere. The key has 32 bytes.
   */
  forget(publicKey: Uint8Array): void;
  /** Idempotent. */
  close(): void;
}

export function keepConnected(options: ConnectorOptions): Connector {
  return new EndpointKeeper(options);
}

class EndpointKeeper implements Connector {
  readonly #options: ConnectorOptions;
  readonly #lookups: Lookups;
  readonly #links = new Map<string, PeerLink>();
  /** Links by the id that the actions use; undefined for a peer without known Endpoints. */
  readonly #byId = new Map<PeerId, PeerLink | undefined>();
  readonly #wakeups: Wakeups | undefined;
  readonly #ways: WayTable | undefined;
  readonly #reconnecting: PacedQueue<PeerId>;
  #interval: { cancel(): void } | undefined;
  readonly #unobserve: () => void;
  #isByUs = false;
  #isClosed = false;

  constructor(options: ConnectorOptions) {
    const { driver, clock, logger, resolver, peers, followNetworkBeside } = options;
    const { mark = () => 0 } = options;
    this.#options = options;
    this.#lookups = new Lookups({
      clock,
      logger,
      ...(resolver && { resolver }),
      onAnswer: (host, addresses) => this.#resolved(host, addresses),
      isMissing: (host) => this.#isMissing(host),
    });
    this.#reconnecting = new PacedQueue({
      clock,
      batch: RECONNECT_BATCH,
      pause: RECONNECT_PAUSE,
      work: (ids) => this.#reconnect(ids),
    });
    for (const peer of peers) this.setPeer(peer);
    const unobserve = driver.observe((action) => this.#observe(action));
    const unobserveEvents = driver.observeEvents((event) => {
      if (event.type === 'roamed') this.#ways?.add(event.endpoint.address);
    });
    this.#unobserve = () => {
      unobserve();
      unobserveEvents();
    };
    this.#askAgainLater();
    if (followNetworkBeside === undefined) return;
    this.#ways = openWayTable({
      clock,
      logger,
      mark,
      inUse: () => this.#addresses(),
      onChanged: (addresses) => this.#waysChanged(addresses),
    });
    this.#ways?.start();
    this.#wakeups = watchWakeups({
      interfaceName: followNetworkBeside,
      clock,
      logger,
      onChange: (change) => this.#ways?.take(change),
      onWakeup: (reason) => this.#wake(reason),
    });
  }

  setPeer(peer: ReachablePeer): void {
    this.forget(peer.publicKey);
    const { device, driver, clock, logger, onMoved } = this.#options;
    const { publicKey } = peer;
    const key = encodeKey(publicKey);
    const link: PeerLink = new PeerLink(peer, {
      clock,
      current: () => device.peer(publicKey)?.endpoint,
      move: (endpoint, reason) => {
        const where = `peer ${key.slice(0, 8)}…: ${formatDeviceEndpoint(endpoint)}`;
        if (reason === 'name') logger.info(`${where} is its address now`);
        else logger.debug(`${where} is tried next`);
        this.#byUs(() => driver.configure({ publicKey, endpoint, updateOnly: true }));
        onMoved?.();
      },
      reconnect: () => this.#byUs(() => driver.reconnect(publicKey)),
      askNames: () => {
        for (const host of link.names) this.#lookups.ask(host);
      },
      settled: () => {
        for (const host of link.names) this.#lookups.settled(host);
      },
    });
    this.#links.set(key, link);
    if (this.#isWithoutEndpoint(link))
      for (const host of link.names) this.#lookups.askMissing(host);
  }

  #isWithoutEndpoint({ publicKey }: PeerLink): boolean {
    return this.#options.device.peer(publicKey)?.endpoint === undefined;
  }

  /** Returns whether some peer has no endpoint without this name. */
  #isMissing(host: string): boolean {
    for (const link of this.#links.values())
      if (link.names.includes(host) && this.#isWithoutEndpoint(link)) return true;
    return false;
  }

  forget(publicKey: Uint8Array): void {
    const key = encodeKey(publicKey);
    this.#links.get(key)?.close();
    this.#links.delete(key);
    this.#byId.clear();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#unobserve();
    this.#wakeups?.close();
    this.#ways?.close();
    this.#reconnecting.close();
    this.#interval?.cancel();
    this.#lookups.close();
    for (const link of this.#links.values()) link.close();
  }

  #observe(action: Action): void {
    if (action.type === 'sendHandshake') {
      if (action.message[0] === MessageType.initiation) this.#linkOf(action.peer)?.initiated();
    } else if (action.type === 'handshakeAuthenticated') {
      this.#ways?.add(action.from.address);
      this.#linkOf(action.peer)?.heard(action.from);
    } else if (action.type === 'setPeer') {
      if (action.endpoint) this.#ways?.add(action.endpoint.address);
      if (action.endpoint && !this.#isByUs) this.#placed(action.peer, action.endpoint);
    } else if (action.type === 'removePeer') {
      this.#byId.delete(action.peer);
    }
  }

  #byUs(change: () => void): void {
    this.#isByUs = true;
    try {
      change();
    } finally {
      this.#isByUs = false;
    }
  }

  /**
   * The endpoint was set from outside, for example by wg(8): the peer is no longer looked for
   * elsewhere.
   */
  #placed(id: PeerId, endpoint: Endpoint): void {
    const link = this.#linkOf(id);
    if (link && !link.knows(endpoint)) this.forget(link.publicKey);
  }

  #linkOf(id: PeerId): PeerLink | undefined {
    if (this.#byId.has(id)) return this.#byId.get(id);
    const peer = this.#options.device.peer(id);
    const link = peer && this.#links.get(encodeKey(peer.publicKey));
    this.#byId.set(id, link);
    return link;
  }

  #resolved(host: string, addresses: readonly string[]): void {
    for (const link of this.#links.values())
      if (link.names.includes(host)) link.resolved(host, addresses);
  }

  #wake(reason: WakeupReason): void {
    this.#askMissing(reason === 'the machine has slept');
    if (reason === 'the network has changed' && this.#ways) {
      this.#ways.check();
      return;
    }
    this.#options.logger.info(`${reason}: reconnecting`);
    // The ways are asked again, but what they are now is no further reason to reconnect.
    this.#ways?.start();
    this.#reconnecting.add(Array.from(this.#options.device.places(), ({ id }) => id));
  }

  /** Now there may be a name server. */
  #askMissing(isForced: boolean): void {
    for (const link of this.#links.values())
      if (this.#isWithoutEndpoint(link))
        for (const host of link.names) this.#lookups.ask(host, isForced);
  }

  #waysChanged(addresses: ReadonlySet<string>): void {
    const { device, logger } = this.#options;
    const peers = [...device.places()];
    const affected = peers.filter(({ endpoint }) => endpoint && addresses.has(endpoint.address));
    if (affected.length === 0) return;
    const isAll = affected.length === peers.length;
    const which = isAll ? '' : ` ${affected.length} of ${peers.length} peers`;
    logger.info(`the network has changed: reconnecting${which}`);
    this.#askMissing(true);
    this.#reconnecting.add(affected.map(({ id }) => id));
  }

  #reconnect(ids: readonly PeerId[]): void {
    const { device, driver } = this.#options;
    for (const id of ids) {
      const peer = device.peer(id);
      if (!peer) continue;
      this.#byUs(() => driver.reconnect(peer.publicKey));
      for (const host of this.#linkOf(id)?.names ?? []) this.#lookups.ask(host, true);
    }
  }

  /** The addresses of the endpoints in use. */
  #addresses(): Set<string> {
    const addresses = new Set<string>();
    for (const { endpoint } of this.#options.device.places())
      if (endpoint) addresses.add(endpoint.address);
    return addresses;
  }

  #askAll(): void {
    for (const link of this.#links.values())
      for (const host of link.names) this.#lookups.ask(host, true);
  }

  #askAgainLater(): void {
    const seconds = this.#options.reresolveInterval ?? 0;
    if (seconds <= 0) return;
    this.#interval = this.#options.clock.schedule(seconds * 1000, () => {
      this.#askAll();
      this.#askAgainLater();
    });
  }
}
