import type { Endpoint } from '../../protocol/dataplane.js';
import { formatIp, parseIp, parsePrefix } from '../../protocol/ip.js';
import { formatEndpoint } from '../config/format.js';
import { parseEndpoint } from '../config/values.js';

const ENDPOINT = /^(?:\[([^\]%]+)(%[^\]]+)?\]|([^:]+)):(\d+)$/;
/** Longest endpoint: with brackets, the zone of a link-local address, and a port. */
const LONGEST_ENDPOINT = 80;

/** Returns an IP address with a port; undefined for anything else, such as a name. */
export function parseUapiEndpoint(text: string): Endpoint | undefined {
  if (text.length > LONGEST_ENDPOINT) return undefined;
  const parsed = parseEndpoint(text, () => undefined);
  return parsed && parseIp(parsed.host) && { address: parsed.host, port: parsed.port };
}

/** Returns an allowed IP as wg(8) prints it, however the interface spells it. */
export function wgPrefix(text: string): string {
  const prefix = parsePrefix(text);
  return prefix ? `${wgAddress(prefix.address)}/${prefix.length}` : text;
}

/** Returns an endpoint as wg(8) prints it, however the interface spells it. */
export function wgEndpoint(text: string): string {
  const [, ipv6, zone = '', other = '', port] = ENDPOINT.exec(text) ?? [];
  const address = parseIp(ipv6 ?? other);
  return address ? formatEndpoint({ host: wgAddress(address) + zone, port: Number(port) }) : text;
}

/** inet_ntop(3) also has the dotted form for `::192.0.2.1`, which RFC 5952 does not. */
function wgAddress(address: Uint8Array): string {
  const isCompatible =
    address.length === 16 &&
    address.subarray(0, 12).every((byte) => byte === 0) &&
    (address[12] !== 0 || address[13] !== 0);
  return isCompatible ? `::${formatIp(address.subarray(12))}` : formatIp(address);
}
