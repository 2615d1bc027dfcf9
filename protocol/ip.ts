import ipaddr from 'ipaddr.js';

/** An IPv4 or IPv6 network: the `length` leading bits of `address` are significant. */
export interface IpPrefix {
  /** 4 or 16 bytes, network order. */
  readonly address: Uint8Array;
  /** 0 to 32 or 0 to 128. */
  readonly length: number;
}

/**
 * Returns the bytes, in network order, of an IPv4 address in four decimal parts or of an IPv6 address;
 * undefined when the text is neither (octal, hexadecimal and short IPv4 forms are refused, also within
 * an IPv6 address). The zone of an IPv6 address is dropped.
 */
export function parseIp(text: string): Uint8Array | undefined {
  if (!text.includes(':')) return parseIpv4(text);
  const [address = '', zone, ...rest] = text.split('%');
  if (zone === '' || rest.length > 0) return undefined;
  const groups = withoutDottedTail(address);
  if (groups === undefined || !ipaddr.IPv6.isValid(groups)) return undefined;
  return Uint8Array.from(ipaddr.IPv6.parse(groups).toByteArray());
}

function parseIpv4(text: string): Uint8Array | undefined {
  if (!ipaddr.IPv4.isValidFourPartDecimal(text)) return undefined;
  return Uint8Array.from(ipaddr.IPv4.parse(text).toByteArray());
}

/**
 * ipaddr.js accepts octal and hexadecimal parts in the dotted tail of an IPv6 address, and reads
 * `::1.2.3.4` as `::ffff:1.2.3.4`; so the tail becomes two groups before ipaddr.js sees the text.
 */
function withoutDottedTail(text: string): string | undefined {
  const tailStart = text.lastIndexOf(':') + 1;
  const tail = text.slice(tailStart);
  if (!tail.includes('.')) return text;
  const bytes = parseIpv4(tail);
  if (!bytes) return undefined;
  const view = new DataView(bytes.buffer);
  return `${text.slice(0, tailStart)}${view.getUint16(0).toString(16)}:${view.getUint16(2).toString(16)}`;
}

/**
 * Returns canonical text: RFC 5952 for IPv6, with its dotted form (section 5) for an IPv4-mapped
 * address, as the system prints it. Throws RangeError for any length other than 4 or 16 bytes.
 */
export function formatIp(address: Uint8Array): string {
  if (address.length !== 4 && address.length !== 16)
    throw new RangeError(`an IP address has 4 or 16 bytes, not ${address.length}`);
  const parsed = ipaddr.fromByteArray(Array.from(address));
  if (!(parsed instanceof ipaddr.IPv6)) return parsed.toString();
  if (parsed.isIPv4MappedAddress()) return `::ffff:${parsed.toIPv4Address().toString()}`;
  return parsed.toRFC5952String();
}

/** Returns an address as `formatIp` writes it, with its zone; undefined when the text is no address. */
export function canonicalAddress(text: string): string | undefined {
  const address = parseIp(text);
  if (!address) return undefined;
  const zone = text.indexOf('%');
  return zone === -1 ? formatIp(address) : `${formatIp(address)}${text.slice(zone)}`;
}

/**
 * Parses `10.0.0.0/8`, `fd00::/64`, or a bare address as a host. Host bits are kept as written. Returns
 * undefined for anything else, and for an address with a zone: networks have none.
 */
export function parsePrefix(text: string): IpPrefix | undefined {
  const [ip = '', length, ...rest] = text.split('/');
  const address = parseIp(ip);
  if (!address || ip.includes('%') || rest.length > 0) return undefined;
  const bits = address.length * 8;
  if (length === undefined) return { address, length: bits };
  if (!/^(0|[1-9]\d{0,2})$/.test(length) || Number(length) > bits) return undefined;
  return { address, length: Number(length) };
}

/** Returns a key for maps and sets: equal for prefixes of one network, and cheaper than `formatPrefix`. */
export function networkId(prefix: IpPrefix): string {
  return `${String.fromCharCode(...maskPrefix(prefix).address)}/${prefix.length}`;
}

/**
 * Returns `10.0.0.0/8` or `fd00::/64`, with the address as `formatIp` writes it. Throws RangeError for
 * an address of any length other than 4 or 16 bytes.
 */
export function formatPrefix(prefix: IpPrefix): string {
  return `${formatIp(prefix.address)}/${prefix.length}`;
}

/** Returns the same network with the bits beyond its length cleared. */
export function maskPrefix(prefix: IpPrefix): IpPrefix {
  const address = prefix.address.map((byte, i) => {
    const bits = Math.min(8, Math.max(0, prefix.length - i * 8));
    return byte & (0xff << (8 - bits)) & 0xff;
  });
  return { address, length: prefix.length };
}

/** Returns `10.0.0.0/24` for `10.0.0.2/24`, and `/32` or `/128` for an address; other text unchanged. */
export function networkOf(text: string): string {
  const prefix = parsePrefix(text);
  return prefix ? formatPrefix(maskPrefix(prefix)) : text;
}

/**
 * Returns whether network `outer` contains all of network `inner`, each as bytes or as text. Bits beyond
 * the lengths and the zone of an address do not matter; false for text that is no network.
 */
export function contains(outer: IpPrefix | string, inner: IpPrefix | string): boolean {
  const [a, b] = [toPrefix(outer), toPrefix(inner)];
  if (!a || !b || a.address.length !== b.address.length || a.length > b.length) return false;
  const whole = a.length >> 3;
  for (let i = 0; i < whole; i++) if (a.address[i] !== b.address[i]) return false;
  const rest = a.length & 7;
  return rest === 0 || ((a.address[whole] ?? 0) ^ (b.address[whole] ?? 0)) >> (8 - rest) === 0;
}

const LINK_LOCAL: IpPrefix = {
  address: Uint8Array.of(0xfe, 0x80, ...new Array(14).fill(0)),
  length: 10,
};

/** Returns whether this is an IPv6 address valid on its link only, which several interfaces may have. */
export function isLinkLocal(address: IpPrefix | string): boolean {
  return contains(LINK_LOCAL, address);
}

function toPrefix(network: IpPrefix | string): IpPrefix | undefined {
  return typeof network === 'string' ? parsePrefix(network.replace(/%.*$/, '')) : network;
}
