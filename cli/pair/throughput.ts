import { setTimeout as sleep } from 'node:timers/promises';
import { type Line, onPacket } from './line.js';
import { type AddressPair, UDP_PAYLOAD_AT, udpPacket } from './packets.js';

/** The length of each packet with its IPv4 header: the MTU of a tunnel. */
export const PACKET_BYTES = 1420;
const NUMBER_BYTES = 4;
/** The sockets would drop more, as they hold about a hundred datagrams of this size. */
const WINDOW = 64;
/** When nothing arrives for this long, all packets in flight are lost. */
const SAMPLE_MS = 100;

export interface Throughput {
  /** Counts packets that arrived intact, without the overhead of the tunnel. */
  readonly megabits: number;
  readonly packets: number;
  readonly lost: number;
}

export interface Flood {
  /** Sent repeatedly, with a different number each time. */
  readonly packet: Uint8Array;
  readonly numberAt: number;
  /** The maximum number of packets in flight. */
  readonly window: number;
  readonly milliseconds: number;
  readonly signal: AbortSignal;
  /** Called with Mbit/s at intervals. */
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
  // The pattern repeats only after a prime number of bytes.
  const payload = Uint8Array.from({ length: PACKET_BYTES - UDP_PAYLOAD_AT }, (_, i) => i % 251);
  const packet = udpPacket(addresses, payload);
  const pace = { window: WINDOW, milliseconds, signal, onSample };
  const result = await flood(between, { ...pace, packet, numberAt: UDP_PAYLOAD_AT });
  if (result.damaged > 0) throw new Error(`${result.damaged} packets differ from what was sent`);
  if (result.packets === 0) throw new Error('no packet came through');
  return result;
}

/**
 * Never has more packets in flight than the path holds, and compares each packet that arrives with the one
 * sent. Each number is expected once, and in order, as there is only one path.
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
    // A packet that was given up stays lost.
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

/** Compares `a` and `b` from `start` to `end`, or to their ends. */
function isSame(a: Uint8Array, b: Uint8Array, start: number, end?: number): boolean {
  return Buffer.compare(a.subarray(start, end), b.subarray(start, end)) === 0;
}
