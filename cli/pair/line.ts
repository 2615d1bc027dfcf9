import type { Tun } from '../../src/index.js';
import { echoReply } from './packets.js';

/** Sends and receives packets: the machine's side of an interface in memory, or a socket. */
export type Line = Pick<Tun, 'start' | 'write'>;

export function onPacket(line: Line, take: (packet: Uint8Array) => void): void {
  line.start(
    (packets) => {
      for (const packet of packets) take(packet);
    },
    () => undefined,
  );
}

/** Echoes pings and UDP datagrams, as the machine behind a tunnel would. */
export function echoPackets(line: Line): void {
  onPacket(line, (packet) => {
    const reply = echoReply(packet);
    if (reply) line.write(reply);
  });
}
