/** What the tests of embedding share: transports within the process, and tunnels over them. */

import type { Endpoint } from '../../protocol/dataplane.js';
import { type ConnectOptions, connect, MemoryTun, type Tunnel } from '../../src/index.js';
import { type ConnectProgramOptions, connectProgram } from '../../src/program.js';
import type { UdpHandlers, UdpTransport } from '../../udp/transport.js';
import { configOf, type Keys, nextTurn, type VirtualClock } from '../src/support.js';

export interface Sent {
  readonly from: number;
  readonly to: Endpoint;
  /** Of the wire's clock, in milliseconds. */
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** Joins transports by their ports: what is sent is there at once, in the sender's call. */
export class Wire {
  readonly sent: Sent[] = [];
  readonly #now: () => number;
  readonly #ends = new Map<number, WireTransport>();
  readonly #places = new Map<number, string>();

  constructor(now: () => number = () => 0) {
    this.#now = now;
  }

  /** The smallest transport there can be. */
  open(port: number): WireTransport {
    const transport = new WireTransport(port, this);
    this.#ends.set(port, transport);
    return transport;
  }

  carry(from: number, bytes: Uint8Array, to: Endpoint): void {
    this.sent.push({ from, to, at: this.#now(), bytes: bytes.slice() });
    if (to.address === this.#addressOf(to.port))
      this.#ends.get(to.port)?.arrive(bytes, { address: this.#addressOf(from), port: from });
  }

  /** Gives the owner of this port that address from now on; by default 192.0.2.1. */
  place(port: number, address: string): void {
    this.#places.set(port, address);
  }

  #addressOf(port: number): string {
    return this.#places.get(port) ?? '192.0.2.1';
  }

  /** When a message of this type left that port: 1 is an initiation, 4 what is encrypted. */
  times(type: number, from: number): number[] {
    const those = this.sent.filter((sent) => sent.bytes[0] === type && sent.from === from);
    return those.map(({ at }) => at);
  }

  remove(port: number): void {
    this.#ends.delete(port);
  }
}

export class WireTransport implements UdpTransport {
  readonly port: number;
  handlers: UdpHandlers | undefined;
  closes = 0;
  readonly #wire: Wire;

  constructor(port: number, wire: Wire) {
    this.port = port;
    this.#wire = wire;
  }

  start(handlers: UdpHandlers): void {
    this.handlers = handlers;
  }

  send(datagram: Uint8Array, to: Endpoint): void {
    this.#wire.carry(this.port, datagram, to);
  }

  arrive(bytes: Uint8Array, from: Endpoint): void {
    this.handlers?.onDatagram(bytes, from);
  }

  close(): void {
    this.closes++;
    this.#wire.remove(this.port);
  }
}

/** In steps, in milliseconds, between which all that is due happens. */
export async function pass(
  clock: VirtualClock,
  duration: number,
  step: number = 1000,
): Promise<void> {
  for (let passed = 0; passed < duration; passed += step) {
    clock.advance(Math.min(step, duration - passed));
    await nextTurn();
    await nextTurn();
  }
}

export interface End {
  readonly tunnel: Tunnel;
  readonly tun: MemoryTun;
}

export interface EndKeys {
  readonly a: Keys;
  readonly b: Keys;
}

export const A_PORT = 1001;
export const B_PORT = 1002;

/** a knows where b is; b waits. Further lines are of the section of the peer. */
export async function openA(
  { a, b }: EndKeys,
  options: ConnectProgramOptions,
  lines: readonly string[] = [],
  endpoint: string = `192.0.2.1:${B_PORT}`,
): Promise<End> {
  const peer = [`PublicKey = ${b.publicKey}`, 'AllowedIPs = 10.9.0.2/32', `Endpoint = ${endpoint}`];
  const tun = new MemoryTun({ name: 'a' });
  const config = configOf(a.privateKey, [], [...peer, ...lines]);
  return { tun, tunnel: await connectProgram(config, { tun, ...options }) };
}

export async function openB({ a, b }: EndKeys, options: ConnectOptions): Promise<End> {
  const peer = [`PublicKey = ${a.publicKey}`, 'AllowedIPs = 10.9.0.1/32'];
  const tun = new MemoryTun({ name: 'b' });
  return { tun, tunnel: await connect(configOf(b.privateKey, [], peer), { tun, ...options }) };
}
