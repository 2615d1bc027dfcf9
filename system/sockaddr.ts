/**
 * struct sockaddr_in and sockaddr_in6 on little-endian machines. Their layout is the same on Linux and
 * Windows; only the number of AF_INET6 differs.
 */
import type { Endpoint } from '../protocol/dataplane.js';
import { formatIp, parseIp } from '../protocol/ip.js';
import { zoneIndex, zoneName } from './zone.js';

export const AF_INET = 2;
/** The number on Linux. */
export const AF_INET6 = 10;
export const WINDOWS_AF_INET6 = 23;
export const SOCKADDR_IN_SIZE = 16;
export const SOCKADDR_IN6_SIZE = 28;

/**
 * Returns the struct of a literal address; a zone is an interface's name (not on Windows) or its index.
 * Undefined when the text is no address or there is no such interface.
 */
export function encodeSockaddr(
  address: string,
  port: number,
  inet6: number = AF_INET6,
): Uint8Array | undefined {
  const [text = '', zone] = address.split('%');
  const ip = parseIp(text);
  if (!ip) return undefined;
  const isV4 = ip.length === 4;
  const bytes = new Uint8Array(isV4 ? SOCKADDR_IN_SIZE : SOCKADDR_IN6_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, isV4 ? AF_INET : inet6, true);
  view.setUint16(2, port);
  bytes.set(ip, isV4 ? 4 : 8);
  if (zone !== undefined) {
    const scope = isV4 ? 0 : zoneIndex(zone);
    if (scope === 0) return undefined;
    view.setUint32(24, scope, true);
  }
  return bytes;
}

export function decodeSockaddr(bytes: Uint8Array): Endpoint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const port = view.getUint16(2);
  const address = addressWithoutZone(bytes);
  const scope = bytes[0] === AF_INET ? 0 : view.getUint32(24, true);
  return { address: scope === 0 ? address : `${address}%${zoneName(scope)}`, port };
}

/** Returns the address in a struct of either family. */
export function addressWithoutZone(bytes: Uint8Array): string {
  return formatIp(bytes[0] === AF_INET ? bytes.slice(4, 8) : bytes.slice(8, 24));
}
