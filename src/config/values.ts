import {
  canonicalAddress,
  type IpPrefix,
  maskPrefix,
  parseIp,
  parsePrefix,
} from '../../protocol/ip.js';
import type { EndpointConfig } from './model.js';
import { quote } from './redact.js';

/** Called with what is wrong with a value; `offset` counts from the value's start in UTF-16 units. */
export type Report = (message: string, offset?: number) => void;

/** Longer than any address with prefix length and zone; keeps hostile text from the IP parser. */
const LONGEST_ADDRESS = 64;
/** RFC 1035, section 2.3.4. */
const LONGEST_HOST_NAME = 253;
const LONGEST_LABEL = 63;
const MAX_UINT32 = 0xffff_ffff;
/** RFC 791: every internet module must be able to forward a datagram of 68 octets. */
const MIN_MTU = 68;
const MAX_MTU = 65_535;
const SECONDS_A_DAY = 86_400;

const ZONE = /^[a-zA-Z0-9_=+.-]{1,15}$/;
const DECIMAL = /^\d+$/;
const LIKE_AN_ADDRESS = /^[0-9.]+$|:/;

interface Item {
  readonly text: string;
  readonly offset: number;
}

function* splitAtCommas(value: string): Generator<Item> {
  let offset = 0;
  for (const part of value.split(',')) {
    const text = part.trim();
    const spaces = text === '' ? 0 : part.length - part.trimStart().length;
    yield { text, offset: offset + spaces };
    offset += part.length + 1;
  }
}

function* splitAtCommasAndSpaces(value: string): Generator<Item> {
  for (const match of value.matchAll(/[^,\s]+/g)) yield { text: match[0], offset: match.index };
}

/** Parses networks separated by commas; host bits are cleared. An empty value is an empty list. */
export function parseNetworks(value: string, report: Report): readonly IpPrefix[] {
  const networks: IpPrefix[] = [];
  if (value === '') return networks;
  for (const { text, offset } of splitAtCommas(value)) {
    const network = readPrefix(text);
    if (network) networks.push(maskPrefix(network));
    else report(explainBadNetwork(text, value), offset);
  }
  return networks;
}

/** Parses addresses with prefix lengths, separated by commas or spaces. Host bits stay. */
export function parseAddresses(value: string, report: Report): readonly IpPrefix[] {
  const addresses: IpPrefix[] = [];
  for (const { text, offset } of splitAtCommasAndSpaces(value)) {
    const address = readPrefix(text);
    if (address) addresses.push(address);
    else report(explainBadPrefix(text, value, 'an address'), offset);
  }
  return addresses;
}

function readPrefix(text: string): IpPrefix | undefined {
  if (text.length > LONGEST_ADDRESS || text.includes('%')) return undefined;
  return parsePrefix(text);
}

function explainBadNetwork(text: string, value: string): string {
  if (text === '') return 'a network is missing beside a comma';
  if (/\s/.test(text)) return 'networks are separated by commas';
  if (/^[+-]/.test(text))
    return `${quote(text, value)}begins with ${text[0]}, which changes a running interface and has no place in a file`;
  return explainBadPrefix(text, value, 'a network');
}

function explainBadPrefix(text: string, value: string, what: string): string {
  const complaint = `${quote(text, value)}is not ${what}`;
  if (text.length > LONGEST_ADDRESS) return complaint;
  if (text.includes('%')) return `${complaint}: a zone (%) is only for Endpoint and DNS`;
  const [ip = '', ...lengths] = text.split('/');
  const address = parseIp(ip);
  if (!address)
    return lengths.length > 0 ? `${complaint}: no IP address before the '/'` : complaint;
  const bits = address.length * 8;
  const [length = ''] = lengths;
  if (lengths.length === 1 && DECIMAL.test(length) && Number(length) > bits)
    return `${complaint}: the prefix length goes up to ${bits}`;
  return `${complaint}: the prefix length is a number from 0 to ${bits}`;
}

/** An entry that is not an address is a search domain, as in wg-quick(8). */
export function parseDns(
  value: string,
  report: Report,
): { readonly servers: readonly string[]; readonly search: readonly string[] } {
  const servers: string[] = [];
  const search: string[] = [];
  for (const { text, offset } of splitAtCommasAndSpaces(value)) {
    if (!LIKE_AN_ADDRESS.test(text)) {
      if (isHostName(text)) search.push(text);
      else report(`${quote(text, value)}is neither an IP address nor a domain`, offset);
      continue;
    }
    const server = readHostAddress(text);
    if (server === undefined) report(`${quote(text, value)}is not an IP address`, offset);
    else servers.push(server);
  }
  return { servers, search };
}

/** Returns the canonical text of an IP address, with its zone if it has one. */
function readHostAddress(text: string): string | undefined {
  if (text.length > LONGEST_ADDRESS) return undefined;
  const zone = text.split('%')[1];
  return zone === undefined || ZONE.test(zone) ? canonicalAddress(text) : undefined;
}

function isHostName(text: string): boolean {
  if (text.length > LONGEST_HOST_NAME) return false;
  const labels = (text.endsWith('.') ? text.slice(0, -1) : text).split('.');
  // Not a constant: compiling it takes milliseconds that a program without names need not spend at
  // startup.
  const pattern = /^[\p{L}\p{N}_](?:[\p{L}\p{N}\p{M}_-]*[\p{L}\p{N}\p{M}_])?$/u;
  return labels.every((label) => label.length <= LONGEST_LABEL && pattern.test(label));
}

/** Parses `host:port` or `[v6]:port`; the host becomes canonical text when it is an address. */
export function parseEndpoint(value: string, report: Report): EndpointConfig | undefined {
  const said = quote(value);
  const colon = value.lastIndexOf(':');
  const bracketed = value.startsWith('[');
  const hostEnd = bracketed ? value.indexOf(']') : colon;
  if (value === '') return void report('has no value');
  if (bracketed && hostEnd === -1) return void report(`${said}has no closing ]`);
  if (!bracketed && value.indexOf(':') !== colon)
    return void report(
      `${said}is not host:port: write an IPv6 address in brackets, as in [2001:db8::1]:51820`,
    );
  if (colon === -1 || (bracketed && colon !== hostEnd + 1))
    return void report(`${said}has no port: write it as in vpn.example.com:51820`);

  const hostText = value.slice(bracketed ? 1 : 0, hostEnd);
  const host = bracketed ? readHostAddress(hostText) : readHost(hostText);
  if (host === undefined || (bracketed && !host.includes(':')))
    return void report(
      bracketed
        ? `${quote(hostText, value)}is not an IPv6 address`
        : `${quote(hostText, value)}is neither an IP address nor a host name`,
      bracketed ? 1 : 0,
    );
  const port = readInteger(value.slice(colon + 1));
  if (port === undefined || port < 1 || port > 65_535)
    return void report('the port is a number from 1 to 65535', colon + 1);
  return { host, port };
}

/** Parses the address at which to listen: an IP address of this machine, and a port. */
export function parseListener(value: string, report: Report): EndpointConfig | undefined {
  const listener = parseEndpoint(value, report);
  if (!listener || LIKE_AN_ADDRESS.test(listener.host)) return listener;
  return void report(
    `${quote(listener.host, value)}is a name: use an IP address, as in 127.0.0.1:9586`,
  );
}

/** Parses endpoints separated by commas, the preferred one first. */
export function parseEndpoints(value: string, report: Report): readonly EndpointConfig[] {
  if (!value.includes(',')) return [parseEndpoint(value, report) ?? []].flat();
  const endpoints: EndpointConfig[] = [];
  for (const { text, offset } of splitAtCommas(value)) {
    if (text === '') {
      report('an endpoint is missing beside a comma', offset);
      continue;
    }
    const endpoint = parseEndpoint(text, (message, at = 0) => report(message, offset + at));
    if (endpoint) endpoints.push(endpoint);
  }
  return endpoints;
}

function readHost(text: string): string | undefined {
  if (LIKE_AN_ADDRESS.test(text)) return readHostAddress(text);
  return isHostName(text) ? text : undefined;
}

/** Leading zeros are allowed as in wg(8); digits without end give Infinity, in linear time. */
function readInteger(text: string): number | undefined {
  return DECIMAL.test(text) ? Number(text) : undefined;
}

function parseInteger(
  value: string,
  report: Report,
  [min, max]: readonly [number, number],
): number | undefined {
  const number = readInteger(value);
  if (number !== undefined && number >= min && number <= max) return number;
  return void report(`${quote(value)}is not a number from ${min} to ${max}`);
}

export function parsePort(value: string, report: Report): number | undefined {
  return parseInteger(value, report, [0, 65_535]);
}

export function parseMtu(value: string, report: Report): number | undefined {
  return parseInteger(value, report, [MIN_MTU, MAX_MTU]);
}

/** Returns seconds; 0 is off. */
export function parseKeepalive(value: string, report: Report): number | undefined {
  if (value.toLowerCase() === 'off') return 0;
  const seconds = readInteger(value);
  if (seconds !== undefined && seconds <= 65_535) return seconds;
  return void report(`${quote(value)}is neither 'off' nor a number of seconds up to 65535`);
}

/** Returns seconds; 0 is off. */
export function parseReresolveInterval(value: string, report: Report): number | undefined {
  if (value.toLowerCase() === 'off') return 0;
  const seconds = readInteger(value);
  if (seconds !== undefined && seconds <= SECONDS_A_DAY) return seconds;
  return void report(
    `${quote(value)}is neither 'off' nor a number of seconds up to ${SECONDS_A_DAY}`,
  );
}

/** Returns the mark; 0 is off. */
export function parseFwMark(value: string, report: Report): number | undefined {
  if (value.toLowerCase() === 'off') return 0;
  const mark = readUint32(value);
  if (mark !== undefined) return mark;
  return void report(
    `${quote(value)}is neither 'off' nor a number of 32 bits, as in 51820 or 0xca6c`,
  );
}

export function parseTable(value: string, report: Report): 'auto' | 'off' | number | undefined {
  const word = value.toLowerCase();
  if (word === 'auto' || word === 'off') return word;
  const table = readUint32(value);
  if (table !== undefined && table > 0) return table;
  return void report(
    `${quote(value)}is neither 'auto', 'off' nor the number of a routing table (the table main is 254)`,
  );
}

function readUint32(text: string): number | undefined {
  if (!DECIMAL.test(text) && !/^0x[0-9a-f]+$/i.test(text)) return undefined;
  const number = Number(text);
  return number <= MAX_UINT32 ? number : undefined;
}

export function parseBoolean(value: string, report: Report): boolean | undefined {
  const word = value.toLowerCase();
  if (word === 'true' || word === 'false') return word === 'true';
  return void report(`${quote(value)}is neither 'true' nor 'false'`);
}
