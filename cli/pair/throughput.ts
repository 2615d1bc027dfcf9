import { setTimeout as sleep } from 'node:timers/promises';
import { type Line, onPacket } from './line.js';
import { type AddressPair, UDP_PAYLOAD_AT, udpPacket } from './packets.js';

/** Of each packet, its IPv4 header included: what fits into the MTU of a tunnel. */
export const PACKET_BYTES = 1420;
const NUMBER_BYTES = 4;
/** More would be dropped by the sockets, which hold about a hundred datagrams of this size. */
const WINDOW = 64;
/** When nothing arrives for so long, all packets under way are lost. */
const SAMPLE_MS = 100;

export interface Throughput {
  /** Of the packets that arrived whole, without what the tunnel adds. */
  readonly megabits: number;
  readonly packets: number;
  readonly lost: number;
}

export interface Flood {
  /** Sent again and again, with a number of its own each time. */
  readonly packet: Uint8Array;
  readonly numberAt: number;
  /** Most packets under way at a time. */
  readonly window: number;
  readonly milliseconds: number;
  readonly signal: AbortSignal;
  /** Called with Mbit/s now and then. */
  readonly onSample?: (megabits: number) => void;
}

/** Sends IP packets from one machine to the other. Throws when one is damaged or none arrives. */
export async function measureThroughput(
  between: readonly [Line, Line],
  addresses: AddressPair,
  milliseconds: number,
  signal: AbortSignal,
  onSample: (megabits: number) => void,
): Promise<Throughput> {
  // It repeats only after a prime number of bytes.
  const payload = Uint8Array.from({ length: PACKET_BYTES - UDP_PAYLOAD_AT }, (_, i) => i % 251);
  const packet = udpPacket(addresses, payload);
  const pace = { window: WINDOW, milliseconds, signal, onSample };
  const result = await flood(between, { ...pace, packet, numberAt: UDP_PAYLOAD_AT });
  if (result.damaged > 0) throw new Error(`${result.damaged} packets are not what was sent`);
  if (result.packets === 0) throw new Error('no packet came through');
  return result;
}

/**
 * Never sends more at a time than the way holds, and compares each packet that arrives with what was sent.
 * A number is expected once, and in order: the way has no second path.
 */
export async function flood(
  [sender, receiver]: readonly [Line, Line],
  { packet, numberAt, window, milliseconds, signal, onSample }: Flood,
): Promise<Throughput & { readonly damaged: number }> {
  const numberOf = (one: Uint8Array): DataView =>
    new DataView(one.buffer, one.byteOffset + numberAt);
  const megabits = (count: number, duration: number): number =>
    (count * packet.length * 8) / duration / 1000;
  let [sent, next, packets, lost, damaged] = [0, 0, 0, 0, 0];
  let isOver = false;
  const send = (): void => {
    while (!isOver && sent - next < window) {
      numberOf(packet).setUint32(0, sent++);
      sender.write(packet);
    }
  };
  const giveUpTo = (number: number): void => {
    lost += number - next;
    next = number;
  };
  onPacket(receiver, (one) => {
    const isWhole =
      isSame(one, packet, 0, numberAt) && isSame(one, packet, numberAt + NUMBER_BYTES);
    const number = isWhole ? numberOf(one).getUint32(0) : Number.NaN;
    if (!(number < sent)) damaged++;
    // One that was given up stays lost.
    else if (number >= next) {
      giveUpTo(number);
      next++;
      packets++;
    }
    send();
  });
  const startedAt = performance.now();
  let [sampledAt, sampled] = [startedAt, 0];
  send();
  while (sampledAt - startedAt < milliseconds && !signal.aborted) {
    await sleep(SAMPLE_MS);
    const now = performance.now();
    onSample?.(megabits(packets - sampled, now - sampledAt));
    if (packets === sampled) giveUpTo(sent);
    send();
    [sampledAt, sampled] = [now, packets];
  }
  isOver = true;
  signal.throwIfAborted();
  return { megabits: megabits(packets, sampledAt - startedAt), packets, lost, damaged };
}

/** From `start` to `end`, or to both their ends. */
function isSame(a: Uint8Array, b: Uint8Array, start: number, end?: number): boolean {
  return Buffer.compare(a.subarray(start, end), b.subarray(start, end)) === 0;
}
