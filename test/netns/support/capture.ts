import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatIp } from '../../../protocol/ip.js';
import type { Lab, Namespace } from './lab.js';
import type { Running } from './process.js';

export interface CapturedPacket {
  /** Seconds with a fraction. */
  readonly time: number;
  /** From the IP header on. Frames of Ethernet that carry no IP have none and are left out. */
  readonly ip: Buffer;
}

export interface CapturedDatagram extends CapturedPacket {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly payload: Buffer;
}

/** A running tcpdump that writes to a file in the lab's folder. */
export class Capture {
  readonly #process: Running;
  readonly #file: string;

  private constructor(process: Running, file: string) {
    this.#process = process;
    this.#file = file;
  }

  /** Resolves when tcpdump is listening. `filter` is its filter expression. */
  static async start(
    lab: Lab,
    namespace: Namespace,
    device: string,
    filter = '',
  ): Promise<Capture> {
    const file = join(lab.folder, `${randomUUID()}.pcap`);
    const argv = [
      'tcpdump',
      '-i',
      device,
      '-n',
      '-U',
      '--immediate-mode',
      '-Z',
      'root',
      '-w',
      file,
    ];
    const process = namespace.spawn(filter === '' ? argv : [...argv, filter]);
    await process.says(/listening on/);
    return new Capture(process, file);
  }

  /** What has been seen so far. */
  packets(): CapturedPacket[] {
    return parsePcap(readFileSync(this.#file));
  }

  datagrams(): CapturedDatagram[] {
    return this.packets().flatMap((packet) => {
      const udp = udpOf(packet.ip);
      return udp === undefined ? [] : [{ ...packet, ...udp }];
    });
  }

  async stop(): Promise<void> {
    await this.#process.stop('SIGINT');
  }
}

const ETHERNET = 1;
const RAW_IP = 101;

/** The classic file format of libpcap, in this machine's byte order. */
function parsePcap(file: Buffer): CapturedPacket[] {
  if (file.length < 24) return [];
  if (file.readUInt32LE(0) !== 0xa1b2c3d4) throw new Error('not a pcap file of microseconds');
  const linkType = file.readUInt32LE(20);
  if (linkType !== ETHERNET && linkType !== RAW_IP)
    throw new Error(`unknown link type ${linkType}`);
  const packets: CapturedPacket[] = [];
  let at = 24;
  while (at + 16 <= file.length) {
    const time = file.readUInt32LE(at) + file.readUInt32LE(at + 4) / 1e6;
    const length = file.readUInt32LE(at + 8);
    const frame = file.subarray(at + 16, at + 16 + length);
    at += 16 + length;
    if (at > file.length) break;
    const ip = linkType === ETHERNET ? ipOf(frame) : frame;
    if (ip !== undefined) packets.push({ time, ip });
  }
  return packets;
}

function ipOf(frame: Buffer): Buffer | undefined {
  const etherType = frame.readUInt16BE(12);
  return etherType === 0x0800 || etherType === 0x86dd ? frame.subarray(14) : undefined;
}

const UDP = 17;

function udpOf(
  ip: Buffer,
): { sourcePort: number; destinationPort: number; payload: Buffer } | undefined {
  const version = ip.readUInt8(0) >> 4;
  const protocol = version === 4 ? ip.readUInt8(9) : ip.readUInt8(6);
  if (protocol !== UDP) return undefined;
  const headerLength = version === 4 ? (ip.readUInt8(0) & 0x0f) * 4 : 40;
  const udp = ip.subarray(headerLength);
  return {
    sourcePort: udp.readUInt16BE(0),
    destinationPort: udp.readUInt16BE(2),
    payload: udp.subarray(8, udp.readUInt16BE(4)),
  };
}

/** Source address of an IP packet. */
export function sourceOf(ip: Buffer): string {
  return formatIp(ip.readUInt8(0) >> 4 === 4 ? ip.subarray(12, 16) : ip.subarray(8, 24));
}

/** Differentiated services and, in the lowest two bits, ECN. */
export function trafficClassOf(ip: Buffer): number {
  return ip.readUInt8(0) >> 4 === 4 ? ip.readUInt8(1) : (ip.readUInt16BE(0) >> 4) & 0xff;
}

const ICMP6 = 58;

/** Neighbour discovery and multicast reports of IPv6, which the kernel sends on its own. */
export function belongsToLink(ip: Buffer): boolean {
  if (ip.readUInt8(0) >> 4 !== 6) return false;
  const isToLinkMulticast = ip.readUInt16BE(24) === 0xff02;
  const isNeighbourDiscovery =
    ip.readUInt8(6) === ICMP6 && ip.readUInt8(40) >= 133 && ip.readUInt8(40) <= 137;
  return isToLinkMulticast || isNeighbourDiscovery;
}
