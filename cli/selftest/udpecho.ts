/** The far machine of a tunnel: it sends each UDP datagram back to where it came from. */

const UDP = 17;
const V4 = { header: 20, source: 12, addressLength: 4, protocol: 9 } as const;
const V6 = { header: 40, source: 8, addressLength: 16, protocol: 6 } as const;

/**
 * The answer, or undefined for what is no UDP datagram of a plain IP packet. No checksum changes by
 * an exchange of the two ends.
 */
export function udpEcho(packet: Uint8Array): Uint8Array | undefined {
  const layout = packet[0] === 0x45 ? V4 : (packet[0] ?? 0) >> 4 === 6 ? V6 : undefined;
  if (!layout || packet[layout.protocol] !== UDP || packet.length < layout.header + 8)
    return undefined;
  const answer = packet.slice();
  exchange(answer, layout.source, layout.addressLength);
  exchange(answer, layout.header, 2);
  return answer;
}

/** Of two neighbours, each of `length` bytes. */
function exchange(bytes: Uint8Array, offset: number, length: number): void {
  const first = bytes.slice(offset, offset + length);
  bytes.copyWithin(offset, offset + length, offset + 2 * length);
  bytes.set(first, offset + length);
}
