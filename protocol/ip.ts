import ipaddr from 'ipaddr.js';

/** An IPv4 (4 bytes) or IPv6 (16 bytes) network: `length` leading bits of `address` count. */
export interface IpPrefix {
  readonly address: Uint8Array;
  /** 0 to 32 or 0 to 128. */
  readonly length: number;
}

/**
 * Bytes of an IPv4 address in four decimal parts or of an IPv6 address, network order; undefined
 * when the text is neither (octal, hexadecimal and short IPv4 forms are refused). A zone is dropped.
 */
export function parseIp(text: string): Uint8Array | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text))
    return Uint8Array.from(ipaddr.IPv4.parse(text).toByteArray());
  if (text.includes(':') && ipaddr.IPv6.isValid(text))
    return Uint8Array.from(ipaddr.IPv6.parse(text).toByteArray());
  return undefined;
}

/** Canonical text (RFC 5952 for IPv6). Throws RangeError for other than 4 or 16 bytes. */
export function formatIp(address: Uint8Array): string {
  if (address.length !== 4 && address.length !== 16)
    throw new RangeError(`an IP address has 4 or 16 bytes, not ${address.length}`);
  const parsed = ipaddr.fromByteArray(Array.from(address));
  return parsed instanceof ipaddr.IPv6 ? parsed.toRFC5952String() : parsed.toString();
}

/** `10.0.0.0/8`, `fd00::/64`, or a bare address as a host. Host bits are kept as written. */
export function parsePrefix(text: string): IpPrefix | undefined {
  const [ip = '', length, ...rest] = text.split('/');
  const address = parseIp(ip);
  if (!address || rest.length > 0) return undefined;
  const bits = address.length * 8;
  if (length === undefined) return { address, length: bits };
  if (!/^(0|[1-9]\d{0,2})$/.test(length) || Number(length) > bits) return undefined;
  return { address, length: Number(length) };
}

export function formatPrefix(prefix: IpPrefix): string {
  return `${formatIp(prefix.address)}/${prefix.length}`;
}

/** The same network with the bits beyond its length cleared. */
export function maskPrefix(prefix: IpPrefix): IpPrefix {
  const address = prefix.address.map((byte, i) => {
    const bits = Math.min(8, Math.max(0, prefix.length - i * 8));
    return byte & (0xff << (8 - bits)) & 0xff;
  });
  return { address, length: prefix.length };
}
