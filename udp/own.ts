/** The transport of an embedding program, wrapped so that its errors cannot harm the tunnel. */
import { isUint8Array } from 'node:util/types';
import type { Endpoint } from '../protocol/dataplane.js';
import { canonicalAddress, parseIp } from '../protocol/ip.js';
import { toError, WgTsError } from '../system/errors.js';
import { orAborted } from '../system/waiting.js';
import {
  sendFailed,
  UdpError,
  type UdpHandlers,
  type UdpOptions,
  type UdpTransport,
} from './transport.js';

/**
 * A transport, which keeps its port; or a function that opens one, called again for each other
 * ListenPort while the previous one is still open.
 */
export type OwnTransport =
  | UdpTransport
  | ((options: UdpOptions) => UdpTransport | Promise<UdpTransport>);

/** Transports that a tunnel uses or has used: each is started, and closed, once. */
const taken = new WeakSet<UdpTransport>();
const closed = new WeakSet<UdpTransport>();

/**
 * Returns a function that closes the transport if it was not closed yet, for a bring-up that ends
 * before it is opened. Throws WgTsError ERR_USAGE for an invalid transport, and for one that another
 * tunnel has used.
 */
export function takeTransport(own: OwnTransport): () => Promise<void> {
  if (typeof own === 'function') return async () => undefined;
  mustBeTransport(own);
  take(own);
  return () => close(own);
}

/** Closes the transport of a bring-up that never started: nothing else will. */
export async function abandonTransport(own: OwnTransport): Promise<void> {
  const isOurs = typeof own === 'object' && own !== null && !taken.has(own);
  if (!isOurs) return;
  mustBeTransport(own);
  take(own);
  await close(own);
}

function take(transport: UdpTransport): void {
  if (taken.has(transport))
    throw new WgTsError('ERR_USAGE', 'this transport is or was used by another tunnel', {
      hint: 'make one for each tunnel, and for each ListenPort',
    });
  taken.add(transport);
}

async function close(transport: UdpTransport): Promise<void> {
  if (closed.has(transport)) return;
  closed.add(transport);
  await transport.close();
}

/**
 * Opens the transport as `openUdp` opens the system's sockets; `own`, when it is a transport, was
 * passed to `takeTransport`. Throws what the function throws, the signal's reason, and WgTsError:
 * ERR_USAGE for an invalid transport, and ERR_UNSUPPORTED when a transport with a fixed port is to get
 * another one.
 */
export function ownUdpOpener(
  own: OwnTransport,
  signal?: AbortSignal,
): (options: UdpOptions) => Promise<OwnUdp> {
  if (typeof own === 'function') {
    // The signal is for the bring-up only, and may be aborted at any time after it.
    let ofBringUp = signal;
    return (options) => {
      const opening = openBy(own, options, ofBringUp);
      ofBringUp = undefined;
      return opening;
    };
  }
  let isOpened = false;
  return async ({ mark = 0 }) => {
    if (isOpened)
      throw new WgTsError('ERR_UNSUPPORTED', 'the transport of this tunnel has a fixed port', {
        hint: 'to change ListenPort, pass a function that opens a transport',
      });
    isOpened = true;
    const udp = new OwnUdp(own);
    udp.setMark(mark);
    return udp;
  };
}

async function openBy(
  open: Extract<OwnTransport, (options: UdpOptions) => unknown>,
  options: UdpOptions,
  signal: AbortSignal | undefined,
): Promise<OwnUdp> {
  const opening = Promise.resolve(open(options)).then((transport) => {
    mustBeTransport(transport);
    take(transport);
    return transport;
  });
  try {
    return new OwnUdp(await orAborted(opening, signal));
  } catch (error) {
    // Not waited for: it may never settle.
    if (signal?.aborted) opening.then(close).catch(() => undefined);
    throw error;
  }
}

function mustBeTransport(value: unknown): asserts value is UdpTransport {
  const transport = value as Partial<Record<keyof UdpTransport, unknown>> | null | undefined;
  const isOne =
    typeof transport?.start === 'function' &&
    typeof transport.send === 'function' &&
    typeof transport.close === 'function';
  if (!isOne)
    throw new WgTsError('ERR_USAGE', 'transport is not a UDP transport', {
      hint: 'it needs `port`, `start(handlers)`, `send(datagram, to)` and `close()`',
    });
  if (!isPort(transport.port, 0))
    throw new WgTsError('ERR_USAGE', 'the port of the transport is not a number from 0 to 65535');
}

/** Maximum number of datagrams that wait while the tunnel handles another one. */
const MAX_WAITING = 1024;
const MAX_DATAGRAM = 65_535;

/**
 * Counts and reports errors of the transport, which never end the tunnel, and drops invalid datagrams.
 * When a transport delivers a datagram during `send`, as one within the process does, it is handled
 * after that call.
 */
export class OwnUdp implements UdpTransport {
  readonly port: number;
  readonly counters = { sendErrors: 0, receiveErrors: 0 };
  readonly #transport: UdpTransport;
  #handlers: UdpHandlers | undefined;
  #waiting: { readonly bytes: Uint8Array; readonly from: Endpoint }[] = [];
  #lastSource: Endpoint | undefined;
  #isBusy = false;
  #isEnding = false;
  #isClosed = false;

  /** `transport` has been checked by `mustBeTransport`. */
  constructor(transport: UdpTransport) {
    this.#transport = transport;
    this.port = transport.port;
  }

  start(handlers: UdpHandlers): void {
    this.#handlers = handlers;
    this.#transport.start({
      onDatagram: (bytes, from) => this.#receive(bytes, from),
      onBatchEnd: () => {
        if (!this.#isBusy) this.#endBatch();
      },
      onSendError: (error, to) => this.#sendFailed(toError(error), to),
    });
  }

  unref(): void {
    this.#transport.unref?.();
  }

  /** The transport gets a copy that it may keep, as most cannot send before the turn ends. */
  send(datagram: Uint8Array, to: Endpoint, trafficClass?: number): void {
    if (this.#isClosed) return;
    const wasBusy = this.#isBusy;
    this.#isBusy = true;
    try {
      const sent: unknown = this.#transport.send(Uint8Array.from(datagram), to, trafficClass);
      // It may be an async function nevertheless.
      if (sent instanceof Promise) sent.catch((error: unknown) => this.#sendThrew(error, to));
    } catch (error) {
      this.#sendThrew(error, to);
    } finally {
      this.#isBusy = wasBusy;
    }
  }

  setMark(mark: number): void {
    if (this.#transport.setMark) this.#transport.setMark(mark);
    else if (mark !== 0)
      throw new UdpError('ERR_MARK', 'the transport of this tunnel has no firewall marks');
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#waiting = [];
    await close(this.#transport);
  }

  #receive(bytes: unknown, source: unknown): void {
    if (this.#isClosed) return;
    const from = isDatagram(bytes) ? this.#endpoint(source) : undefined;
    if (!isDatagram(bytes) || !from) {
      this.counters.receiveErrors++;
      return;
    }
    if (!this.#isBusy) this.#deliver(bytes, from);
    else if (this.#waiting.length < MAX_WAITING)
      this.#waiting.push({ bytes: Uint8Array.from(bytes), from });
    else this.counters.receiveErrors++;
    // Works whether or not the transport reports the end of a batch.
    if (this.#isEnding) return;
    this.#isEnding = true;
    queueMicrotask(() => {
      this.#isEnding = false;
      this.#endBatch();
    });
  }

  #deliver(bytes: Uint8Array, from: Endpoint): void {
    this.#isBusy = true;
    try {
      this.#handlers?.onDatagram(bytes, from);
    } finally {
      this.#isBusy = false;
    }
  }

  #endBatch(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { bytes, from } of waiting) if (!this.#isClosed) this.#deliver(bytes, from);
    if (!this.#isClosed) this.#handlers?.onBatchEnd?.();
  }

  /** Returns a canonical copy: the transport may change its own object later. */
  #endpoint(source: unknown): Endpoint | undefined {
    try {
      const { address, port } = source as Endpoint;
      const last = this.#lastSource;
      if (last?.port === port && last.address === address) return last;
      const canonical = sourceAddress(address);
      if (canonical === undefined || !isPort(port, 1)) return undefined;
      this.#lastSource = { address: canonical, port };
      return this.#lastSource;
    } catch {
      return undefined;
    }
  }

  #sendThrew(error: unknown, to: Endpoint): void {
    this.#sendFailed(sendFailed(to, toError(error).message), to);
  }

  #sendFailed(error: Error, to: Endpoint): void {
    this.counters.sendErrors++;
    if (!this.#isClosed) this.#handlers?.onSendError?.(error, to);
  }
}

function isDatagram(bytes: unknown): bytes is Uint8Array {
  return isUint8Array(bytes) && bytes.length > 0 && bytes.length <= MAX_DATAGRAM;
}

function isPort(value: unknown, least: number): boolean {
  return Number.isInteger(value) && Number(value) >= least && Number(value) <= 65_535;
}

function sourceAddress(address: unknown): string | undefined {
  if (typeof address !== 'string' || !parseIp(address)) return undefined;
  const [, zone] = address.split('%');
  if (zone !== undefined && !/^[\w.-]+$/.test(zone)) return undefined;
  return canonicalAddress(address);
}
