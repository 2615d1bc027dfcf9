import { messageOf } from '../../system/errors.js';
import { Waiter } from '../../system/windows/waiter.js';
import { Win32Error } from '../../system/windows/win32.js';
import { TunError } from '../errors.js';
import type { Tun, TunRing } from '../tun.js';
import { WintunAdapter } from './wintun/adapter.js';
import { WINTUN_MAX_IP_PACKET_SIZE } from './wintun/constants.js';
import { WintunError } from './wintun/errors.js';
import { adapterGuid } from './wintun/guid.js';
import { loadWintun } from './wintun/library.js';
import { setWintunLogger } from './wintun/logger.js';
import type { WintunSession } from './wintun/session.js';

export interface WintunOptions {
  /** The identity of the network; the same text gets the same GUID. By default the name. */
  readonly identity?: string;
  /** Bytes of each ring. */
  readonly ringCapacity?: number;
  /** wintun.dll; by default where `loadWintun` looks for it. */
  readonly library?: string;
  /** Called with one line for the log. */
  readonly onNote?: (note: string) => void;
}

const TUNNEL_TYPE = 'wg-ts';
/** As much as 10 Gbit/s fills in some ten milliseconds. */
const RING_CAPACITY = 16 * 1024 * 1024;

/** Packets delivered at once, and their total bytes. */
const BATCH = 64;
const BUFFER_BYTES = 4 * (WINTUN_MAX_IP_PACKET_SIZE + 1);
/** Wintun 0.14.1 can forget to signal: the ring is checked this often in any case. */
const POLL_MS = 100;
/** Maximum number of turns of the event loop for which an empty ring is polled before waiting. */
const MAX_SPINS = 64;
/** A ring that breaks this often within RESTART_WINDOW_MS is not repaired by another session. */
const MAX_RESTARTS = 10;
const RESTART_WINDOW_MS = 1000;

const waiter = new Waiter(POLL_MS);

/** Creates an adapter for a data plane in JavaScript. Throws TunError. */
export function openWintunTun(name: string, options: WintunOptions = {}): WintunTun {
  const parts = openParts(name, options);
  return new WintunTun(name, parts);
}

/** Creates an adapter for a data plane that works with its rings itself. Throws TunError. */
export function openWintunRing(name: string, options: WintunOptions = {}): TunRing {
  const parts = openParts(name, options);
  return {
    name,
    luid: parts.luid,
    module: BigInt(parts.module),
    get session() {
      return BigInt(parts.session.address);
    },
    restart() {
      parts.restart();
      return BigInt(parts.session.address);
    },
    close: () => parts.close(),
  };
}

/** An adapter with its session. */
class Parts {
  readonly luid: bigint;
  readonly module: number;
  session: WintunSession;
  readonly #adapter: WintunAdapter;
  readonly #capacity: number;
  readonly #onNote: (note: string) => void;
  readonly #endLogging: () => void;
  #restartedAt: number[] = [];

  constructor(
    adapter: WintunAdapter,
    module: number,
    capacity: number,
    onNote: (note: string) => void,
    endLogging: () => void,
  ) {
    this.#adapter = adapter;
    this.module = module;
    this.#capacity = capacity;
    this.#onNote = onNote;
    this.#endLogging = endLogging;
    this.luid = adapter.luid();
    this.session = adapter.startSession(capacity);
  }

  /** Packets in the rings are lost, as they would be anyway. Throws TunError. */
  restart(): void {
    const now = performance.now();
    this.#restartedAt = this.#restartedAt.filter((at) => now - at < RESTART_WINDOW_MS);
    if (this.#restartedAt.push(now) > MAX_RESTARTS)
      throw new WintunError('WintunReceivePacket', Win32Error.ERROR_INVALID_DATA);
    this.#onNote('the ring of Wintun was corrupt: starting another session');
    this.session.end();
    this.session = this.#adapter.startSession(this.#capacity);
  }

  close(): void {
    this.session.end();
    this.#adapter.close();
    this.#endLogging();
  }
}

function openParts(name: string, options: WintunOptions): Parts {
  const { identity = name, ringCapacity = RING_CAPACITY, onNote = () => undefined } = options;
  const library = loadWintun(options.library);
  const endLogging = setWintunLogger(library, ({ level, text }) =>
    onNote(`wintun: ${level}: ${text}`),
  );
  let adapter: WintunAdapter | undefined;
  try {
    adapter = WintunAdapter.create(library, name, TUNNEL_TYPE, adapterGuid(identity));
    return new Parts(adapter, library.module, ringCapacity, onNote, endLogging);
  } catch (error) {
    adapter?.close();
    endLogging();
    throw error;
  }
}

/** An adapter whose packets are delivered to JavaScript. */
export class WintunTun implements Tun {
  readonly name: string;
  readonly luid: bigint;
  readonly #parts: Parts;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #onPackets: ((packets: readonly Uint8Array[]) => void) | undefined;
  #onError: ((error: Error) => void) | undefined;
  #endWatch: (() => void) | undefined;
  #next: NodeJS.Immediate | undefined;
  #spins = 0;
  #spinsLeft = 0;
  #isClosed = false;

  /** Used by `openWintunTun`. */
  constructor(name: string, parts: Parts) {
    this.name = name;
    this.#parts = parts;
    this.luid = parts.luid;
  }

  /** Number of packets of the data plane that found the ring full. */
  get dropped(): number {
    return this.#parts.session.dropped;
  }

  start(
    onPackets: (packets: readonly Uint8Array[]) => void,
    onError: (error: Error) => void,
  ): void {
    if (this.#onPackets) throw new Error('this interface has already been started');
    this.#onPackets = onPackets;
    this.#onError = onError;
    this.#watch();
    this.#schedule();
  }

  write(packet: Uint8Array): boolean {
    if (this.#isClosed) return false;
    try {
      return this.#parts.session.send(packet);
    } catch (error) {
      this.#failed(error);
      return false;
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearImmediate(this.#next);
    this.#endWatch?.();
    this.#parts.close();
  }

  #watch(): void {
    const look = (): void => this.#schedule();
    this.#endWatch = waiter.watch(this.#parts.session.readWaitEvent(), look, look);
  }

  #schedule(): void {
    this.#spinsLeft = this.#spins;
    this.#next ??= setImmediate(() => this.#serve());
  }

  /** Delivers one batch per turn of the event loop, so that other work gets its turn. */
  #serve(): void {
    this.#next = undefined;
    if (this.#isClosed) return;
    let count: number;
    try {
      count = this.#deliver();
    } catch (error) {
      this.#failed(error);
      return;
    }
    if (this.#isClosed) return;
    if (count > 0) this.#spins = Math.min(MAX_SPINS, this.#spins * 2 + 1);
    if (count > 0) this.#spinsLeft = this.#spins;
    else if (this.#spinsLeft-- <= 0) {
      // Polling did not pay off: poll half as long the next time.
      this.#spins >>= 1;
      return;
    }
    this.#next = setImmediate(() => this.#serve());
  }

  #deliver(): number {
    const { session } = this.#parts;
    const packets: Uint8Array[] = [];
    let used = 0;
    while (packets.length < BATCH && used + WINTUN_MAX_IP_PACKET_SIZE <= BUFFER_BYTES) {
      const room = this.#buffer.subarray(used);
      const size = session.receive(room);
      if (size === 0) break;
      packets.push(room.subarray(0, size));
      used += size;
    }
    if (packets.length > 0) this.#onPackets?.(packets);
    return packets.length;
  }

  #failed(error: unknown): void {
    if (this.#isClosed) return;
    const isCorrupt =
      error instanceof WintunError && error.windowsCode === Win32Error.ERROR_INVALID_DATA;
    if (!isCorrupt) {
      this.#fail(error);
      return;
    }
    try {
      this.#endWatch?.();
      this.#parts.restart();
      this.#watch();
      this.#schedule();
    } catch (another) {
      this.#fail(another);
    }
  }

  #fail(error: unknown): void {
    const reason = messageOf(error);
    const failure =
      error instanceof TunError ? error : new TunError('ERR_TUN', reason, { cause: error });
    setImmediate(() => {
      if (!this.#isClosed) this.#onError?.(failure);
    });
  }
}
