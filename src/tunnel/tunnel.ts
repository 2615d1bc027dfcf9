import { EventEmitter } from 'node:events';
import type { PeerId } from '../../protocol/dataplane.js';
import { WgTsError } from '../../system/errors.js';
import { orAborted } from '../../system/waiting.js';
import { encodeKey } from '../config/key.js';
import type { Config } from '../config/model.js';
import { withConfig } from '../config/text.js';
import type { HandshakeOutcome } from '../control/sessions.js';
import { type PeerStatus, statusOf, type TunnelStatus } from '../control/status.js';
import { parseChange, type UapiChange } from '../uapi/change.js';
import type { UapiDevice } from '../uapi/codec.js';
import type { UndoStack } from '../undo.js';
import type { BringUp } from './bringup.js';
import type { WaitOptions } from './changes.js';
import { TRANSFER_INTERVAL, type TunnelEvents, type TunnelState } from './events.js';
import { TunnelFeed } from './feed.js';
import { type PeerOptions, readPublicKey } from './peeroptions.js';

/** Totals since the tunnel came up. */
export interface TunnelStats {
  /** Bytes of UDP payload of the peers that are configured now, as wg(8) counts them. */
  readonly rxBytes: bigint;
  /** Counted the same way. */
  readonly txBytes: bigint;
  /** Number of configured peers. */
  readonly peers: number;
  /** Number of peers with a session. */
  readonly connectedPeers: number;
  /** The latest of any peer: Unix nanoseconds; 0 is never. */
  readonly latestHandshake: bigint;
  /** Milliseconds. */
  readonly uptime: number;
}

/** Options of `Tunnel.handshake`. */
export interface HandshakeOptions extends WaitOptions {
  /**
   * Forces a new session where there is one. WireGuard starts a handshake every five seconds at most.
   */
  readonly rekey?: boolean;
}

/** A handshake is given up after REKEY_ATTEMPT_TIME, 90 s, and some jitter. */
const HANDSHAKE_PATIENCE = 95_000;

interface TunnelStart {
  readonly name: string;
  readonly parts: BringUp;
  readonly undo: UndoStack;
  readonly transferInterval: number | undefined;
}

/** Used by `connect`, which alone creates tunnels. */
export let newTunnel: (start: TunnelStart) => { tunnel: Tunnel; end: (reason: Error) => void };

/**
 * A WireGuard interface that is up, as returned by `connect`. Its methods may be called at any time;
 * once it is closing, those that change something or wait reject with WgTsError ERR_CLOSED.
 */
export class Tunnel extends EventEmitter<TunnelEvents> implements AsyncDisposable {
  /** The interface's name. */
  readonly name: string;
  /**
   * Resolves when the tunnel is down and everything is undone: to the error that ended it, or to
   * undefined after `close`. Never rejects.
   */
  readonly closed: Promise<Error | undefined>;
  readonly #parts: BringUp;
  readonly #undo: UndoStack;
  readonly #feed: TunnelFeed;
  readonly #upSince: number;
  #settle!: (reason: Error | undefined) => void;
  #closing: Promise<void> | undefined;

  static {
    newTunnel = (start) => {
      const tunnel = new Tunnel(start);
      return { tunnel, end: (reason) => tunnel.#end(reason) };
    };
  }

  private constructor({ name, parts, undo, transferInterval }: TunnelStart) {
    super();
    this.name = name;
    this.#parts = parts;
    this.#undo = undo;
    this.#feed = new TunnelFeed(this, parts, transferInterval ?? TRANSFER_INTERVAL);
    this.#upSince = parts.clock.now();
    this.closed = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** The state in the last `state` event. */
  get state(): TunnelState {
    return this.#feed.state;
  }

  /** Base64. */
  get publicKey(): string {
    return encodeKey(this.#parts.device.publicKey);
  }

  /** Port of the tunnel's UDP sockets. */
  get listenPort(): number {
    return this.#parts.listenPort;
  }

  /** Returns the interface and its peers, as wg(8) shows them. */
  status(): TunnelStatus {
    return statusOf(this.name, this.#parts);
  }

  /** Returns the peers in the order in which they were added. */
  peers(): readonly PeerStatus[] {
    return this.status().peers;
  }

  /** Returns totals of all peers; `peers` returns each one. */
  stats(): TunnelStats {
    const { sessions, clock } = this.#parts;
    const peers = this.peers();
    return {
      rxBytes: peers.reduce((sum, { rxBytes }) => sum + rxBytes, 0n),
      txBytes: peers.reduce((sum, { txBytes }) => sum + txBytes, 0n),
      peers: peers.length,
      connectedPeers: sessions.connected,
      latestHandshake: peers.reduce((a, { latestHandshake: b }) => (a > b ? a : b), 0n),
      uptime: clock.now() - this.#upSince,
    };
  }

  /**
   * Adds a peer, or changes the one with this key, with routes to its AllowedIPs where the interface is
   * the system's. Waits only for a name in its endpoint. When it rejects, nothing is changed.
   *
   * @throws WgTsError ERR_USAGE, ERR_RESOLVE, ERR_CLOSED, for a default route ERR_RESTART_NEEDED;
   * NetConfigError; ChangeError ERR_CHANGE; and the signal's reason.
   */
  async addPeer(peer: PeerOptions, options: WaitOptions = {}): Promise<void> {
    this.#mustBeOpen();
    await this.#parts.changes.add(peer, options);
  }

  /**
   * Removes a peer by its public key: base64, or 32 bytes. Resolves to false when there is no such
   * peer.
   *
   * @throws WgTsError ERR_USAGE for an invalid key, ERR_CLOSED.
   */
  async removePeer(publicKey: string | Uint8Array): Promise<boolean> {
    this.#mustBeOpen();
    return await this.#parts.changes.remove(publicKey);
  }

  /**
   * Applies `config` (text is that of a wg-quick(8) file) as `wg syncconf` does: peers that do not
   * change keep their sessions. Its secrets remain the caller's. When it rejects, nothing is changed.
   *
   * @throws ConfigError; WgTsError ERR_RESOLVE, ERR_CLOSED, and ERR_RESTART_NEEDED when a key such as
   * Address or DNS differs, which takes effect at `connect` only; NetConfigError; ChangeError
   * ERR_CHANGE; and the signal's reason.
   */
  async setConfig(config: Config | string, options: WaitOptions = {}): Promise<void> {
    this.#mustBeOpen();
    await withConfig(config, (read) => this.#parts.changes.setConfig(read, options));
  }

  /**
   * Like `wg set`: settings that are not given stay unchanged, and peers that stay keep their sessions.
   * A change that is refused changes nothing. Its secrets remain the caller's.
   *
   * @throws ChangeError ERR_CHANGE; WgTsError ERR_CLOSED, and for a default route ERR_RESTART_NEEDED;
   * NetConfigError.
   */
  async configure(change: UapiChange): Promise<void> {
    this.#mustBeOpen();
    await this.#parts.changes.configure(parseChange(change), { routes: true });
  }

  /**
   * Returns the current configuration. The secrets in it are the tunnel's own: use them at once, and do
   * not zero them.
   */
  readConfiguration(): UapiDevice {
    this.#mustBeOpen();
    return this.#parts.live.read();
  }

  /**
   * Waits for a session with a peer, and starts a handshake unless there is one: so a program can make
   * sure that the server is reachable before it sends anything. The key (base64, or 32 bytes) may be
   * left out when there is only one peer.
   *
   * @throws WgTsError ERR_HANDSHAKE_TIMEOUT after 90 s without an answer, ERR_NO_PEER, ERR_NO_ENDPOINT
   * for a peer without a known endpoint, ERR_USAGE, ERR_CLOSED; and the signal's reason.
   */
  async handshake(options?: HandshakeOptions): Promise<PeerStatus>;
  /** The same for the peer with this key: base64, or 32 bytes. */
  async handshake(publicKey: string | Uint8Array, options?: HandshakeOptions): Promise<PeerStatus>;
  async handshake(
    first?: string | Uint8Array | HandshakeOptions,
    second?: HandshakeOptions,
  ): Promise<PeerStatus> {
    this.#mustBeOpen();
    const hasKey = typeof first === 'string' || first instanceof Uint8Array;
    const { signal, rekey = false } = (hasKey ? second : first) ?? {};
    const publicKey = hasKey ? readPublicKey(first) : this.#onlyPeer();
    const peer = this.#parts.device.peer(publicKey);
    if (!peer) throw noPeer(publicKey);
    const { sessions } = this.#parts;
    signal?.throwIfAborted();
    if (rekey || !sessions.hasSession(peer.id)) {
      if (!peer.endpoint)
        throw new WgTsError('ERR_NO_ENDPOINT', `the peer has no known endpoint`, {
          hint: 'give it an endpoint, or wait for the event `handshake`: the peer has to connect first',
        });
      await orAborted(this.#nextHandshake(peer.id, publicKey), signal);
    }
    const key = encodeKey(publicKey);
    const status = this.peers().find((one) => one.publicKey === key);
    if (!status) throw noPeer(publicKey);
    return status;
  }

  /**
   * Keeps the process alive while the tunnel is up, which is the initial state. Like `ref` of a socket.
   */
  ref(): this {
    this.#parts.liveness.ref();
    return this;
  }

  /**
   * Lets the process end although the tunnel is up; the tunnel works for as long as something else
   * keeps the process alive. What `connect` did to the system is then not undone: only `close` does
   * that, and the process waits for it.
   */
  unref(): this {
    this.#parts.liveness.unref();
    return this;
  }

  /**
   * Undoes everything that `connect` did, last first. Idempotent; never rejects: failures are logged.
   */
  close(): Promise<void> {
    this.#closing ??= this.#takeDown(undefined);
    return this.#closing;
  }

  /** For `await using`: `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #onlyPeer(): Uint8Array {
    const [peer, ...others] = this.#parts.device.peers();
    if (peer && others.length === 0) return peer.publicKey;
    throw new WgTsError('ERR_USAGE', `the tunnel has ${others.length + (peer ? 1 : 0)} peers`, {
      hint: 'name one by its public key',
    });
  }

  async #nextHandshake(peer: PeerId, publicKey: Uint8Array): Promise<void> {
    const { sessions, driver, clock } = this.#parts;
    const next = sessions.nextHandshake(peer);
    let timer: { cancel(): void } | undefined;
    const late = new Promise<HandshakeOutcome>((resolve) => {
      timer = clock.schedule(HANDSHAKE_PATIENCE, () => resolve('given up'));
    });
    driver.initiate(peer);
    const outcome = await Promise.race([next, late]);
    timer?.cancel();
    if (outcome === 'given up')
      throw new WgTsError('ERR_HANDSHAKE_TIMEOUT', 'the peer does not answer', {
        hint: 'check its Endpoint, both public keys, and whether a firewall drops UDP on the way',
      });
    if (outcome === 'removed') throw this.#feed.isClosing ? isClosed() : noPeer(publicKey);
  }

  #mustBeOpen(): void {
    if (this.#feed.isClosing) throw isClosed();
  }

  #end(reason: Error): void {
    this.#parts.logger.error(reason.message);
    if (!this.#feed.isClosing) this.#parts.killSwitch?.tunnelFailed();
    this.#closing ??= this.#takeDown(reason);
  }

  async #takeDown(reason: Error | undefined): Promise<void> {
    this.#feed.closing(reason);
    const { liveness, logUndoError } = this.#parts;
    await liveness.during(() => this.#undo.unwind(logUndoError));
    this.#feed.closed();
    this.#settle(reason);
  }
}

function isClosed(): WgTsError {
  return new WgTsError('ERR_CLOSED', 'the tunnel is closed');
}

function noPeer(publicKey: Uint8Array): WgTsError {
  return new WgTsError('ERR_NO_PEER', `there is no peer ${encodeKey(publicKey)}`);
}
