import type { Tun } from '../../src/index.js';
import { checksum } from './packets.js';
import type { AddressPair } from './tunnels.js';

/** Of each packet, its IPv4 header included: what fits into the MTU of a tunnel. */
export const PACKET_BYTES = 1420;
const IPV4_HEADER = 20;
const UDP_HEADER = 8;
const UDP = 17;
const HOP_LIMIT = 64;
/** Of a packet's number, at the beginning of what UDP carries. */
const NUMBER_AT: number = IPV4_HEADER + UDP_HEADER;
const PAYLOAD_AT: number = NUMBER_AT + 4;
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

/**
 * Sends packets from one machine to the other, never more at once than the way holds, and compares each
 * that arrives with what was sent. `onSample` is told Mbit/s now and then. Throws when one is damaged or
 * none arrives.
 */
export async function measureThroughput(
  [sender, receiver]: readonly [Tun, Tun],
  [from, to]: AddressPair,
  milliseconds: number,
  signal: AbortSignal,
  onSample: (megabits: number) => void,
): Promise<Throughput> {
  const flood = new Flood(sender, receiver, testPacket(from, to));
  const startedAt = performance.now();
  let sampledAt = startedAt;
  let sampled = 0;
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const now = performance.now();
      const arrived = flood.verified - sampled;
      onSample(megabitsOf(arrived, now - sampledAt));
      sampledAt = now;
      sampled = flood.verified;
      if (arrived === 0) flood.recover();
      if (now - startedAt < milliseconds && !signal.aborted) return;
      clearInterval(timer);
      resolve();
    }, SAMPLE_MS);
    flood.send();
  });
  flood.stop();
  signal.throwIfAborted();
  if (flood.damaged > 0) throw new Error(`${flood.damaged} packets are not what was sent`);
  if (flood.verified === 0) throw new Error('no packet came through');
  const megabits = megabitsOf(flood.verified, sampledAt - startedAt);
  return { megabits, packets: flood.verified, lost: flood.lost };
}

function megabitsOf(packets: number, milliseconds: number): number {
  return (packets * PACKET_BYTES * 8) / milliseconds / 1000;
}

/** A number is expected once, and in order: the way has no second path. */
class Flood {
  verified = 0;
  damaged = 0;
  lost = 0;
  readonly #from: Tun;
  readonly #packet: Uint8Array;
  readonly #numbers: DataView;
  #sent = 0;
  /** The number that has to come next at least. */
  #expected = 0;
  #isStopped = false;

  constructor(from: Tun, to: Tun, packet: Uint8Array) {
    this.#from = from;
    this.#packet = packet;
    this.#numbers = new DataView(packet.buffer, packet.byteOffset);
    to.start(
      (packets) => {
        for (const one of packets) this.#take(one);
        this.send();
      },
      () => undefined,
    );
  }

  /** Fills the window. */
  send(): void {
    while (!this.#isStopped && this.#sent - this.#expected < WINDOW) {
      this.#numbers.setUint32(NUMBER_AT, this.#sent++);
      this.#from.write(this.#packet);
    }
  }

  /** Nothing comes any more: all that is under way is lost, and others take its place. */
  recover(): void {
    this.lost += this.#sent - this.#expected;
    this.#expected = this.#sent;
    this.send();
  }

  stop(): void {
    this.#isStopped = true;
  }

  #take(packet: Uint8Array): void {
    const number =
      packet.length === PACKET_BYTES
        ? new DataView(packet.buffer, packet.byteOffset).getUint32(NUMBER_AT)
        : Number.NaN;
    const isWhole = this.#isSame(packet, 0, NUMBER_AT) && this.#isSame(packet, PAYLOAD_AT);
    if (!isWhole || !(number < this.#sent)) {
      this.damaged++;
      return;
    }
    // What was given up has come after all, and is counted as lost.
    if (number < this.#expected) return;
    this.lost += number - this.#expected;
    this.#expected = number + 1;
    this.verified++;
  }

  #isSame(packet: Uint8Array, start: number, end?: number): boolean {
    return Buffer.compare(packet.subarray(start, end), this.#packet.subarray(start, end)) === 0;
  }
}

/** UDP over IPv4 with a payload that repeats only after 251 bytes; the checksum is left out, as 0 says. */
function testPacket(from: Uint8Array, to: Uint8Array): Uint8Array {
  const packet = new Uint8Array(PACKET_BYTES);
  const view = new DataView(packet.buffer);
  packet[0] = 0x45;
  view.setUint16(2, PACKET_BYTES);
  packet[8] = HOP_LIMIT;
  packet[9] = UDP;
  packet.set(from, 12);
  packet.set(to, 12 + from.length);
  view.setUint16(10, checksum(packet.subarray(0, IPV4_HEADER), 0));
  view.setUint16(IPV4_HEADER, 9);
  view.setUint16(IPV4_HEADER + 2, 9);
  view.setUint16(IPV4_HEADER + 4, PACKET_BYTES - IPV4_HEADER);
  for (let i = PAYLOAD_AT; i < PACKET_BYTES; i++) packet[i] = i % 251;
  return packet;
}
