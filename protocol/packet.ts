/** The few fields of an inner IPv4 (RFC 791) or IPv6 (RFC 8200) header that routing needs. */

export type Family = 4 | 6;

export const SOURCE_OFFSET: Readonly<Record<Family, number>> = { 4: 12, 6: 8 };
export const DESTINATION_OFFSET: Readonly<Record<Family, number>> = { 4: 16, 6: 24 };

const MIN_HEADER: Readonly<Record<Family, number>> = { 4: 20, 6: 40 };

/** Returns the version, or undefined for what is no IP packet or shorter than the header of its version. */
export function ipFamily(packet: Uint8Array): Family | undefined {
  const version = (packet[0] ?? 0) >> 4;
  if (version !== 4 && version !== 6) return undefined;
  return packet.length >= MIN_HEADER[version] ? version : undefined;
}

/** Returns the length in the header; undefined when it is less than a header or more than the packet. */
export function ipLength(packet: Uint8Array, family: Family): number | undefined {
  const high = packet[family === 4 ? 2 : 4] as number;
  const low = packet[family === 4 ? 3 : 5] as number;
  const length = ((high << 8) | low) + (family === 6 ? MIN_HEADER[6] : 0);
  return length >= MIN_HEADER[family] && length <= packet.length ? length : undefined;
}
