/** DNS messages (RFC 1035): a query for the addresses of a name, and what its response says. */
import { Buffer } from 'node:buffer';
import dns, { type DecodedPacket, type Answer as ResourceRecord } from 'dns-packet';
import { canonicalAddress } from '../../protocol/ip.js';

/** Larger responses are not read. */
export const LARGEST_MESSAGE = 4096;
const HEADER_SIZE = 12;
const ANSWER_COUNT_AT = 6;
const AUTHORITY_COUNT_AT = 8;
/** Aliases that are followed for one name. */
export const MOST_ALIASES = 8;
/** Addresses of one name that are used. */
const MOST_ADDRESSES = 64;
const LONGEST_NAME = 253;
const LONGEST_LABEL = 63;

export type AddressType = 'A' | 'AAAA';

export interface Query {
  /** 0 to 65535; unpredictable. */
  readonly id: number;
  /** Without a final dot. */
  readonly name: string;
  readonly type: AddressType;
}

export type Answer =
  | {
      readonly type: 'addresses';
      /** Canonical text; empty for a name that has no address of the type. */
      readonly addresses: readonly string[];
    }
  /** The server knows only that `name` has the addresses. */
  | { readonly type: 'alias'; readonly name: string }
  | { readonly type: 'no such name' }
  /** The rest has to be asked for over TCP. */
  | { readonly type: 'truncated' }
  /** The server cannot or does not want to say. */
  | { readonly type: 'refused' };

/** Returns whether a name fits into a query. */
export function isQueryable(name: string): boolean {
  return (
    name.length <= LONGEST_NAME &&
    name.split('.').every((label) => label.length > 0 && label.length <= LONGEST_LABEL)
  );
}

export function encodeQuery({ id, name, type }: Query): Uint8Array {
  const questions = [{ name, type, class: 'IN' as const }];
  return dns.encode({ id, type: 'query', flags: dns.RECURSION_DESIRED, questions });
}

/**
 * Returns what a response says; undefined for anything that is not a response to `query`, which may be
 * forged. Its sender is to be checked by the socket.
 */
export function readAnswer(bytes: Uint8Array, query: Query): Answer | undefined {
  if (bytes.length < HEADER_SIZE || bytes.length > LARGEST_MESSAGE) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint16(0) !== query.id) return undefined;
  const message = decode(bytes);
  if (message?.type !== 'response') return undefined;
  const [question, ...others] = message.questions ?? [];
  if (!question || others.length > 0 || question.type !== query.type) return undefined;
  if (question.class !== 'IN' || !isSameName(question.name, query.name)) return undefined;
  if (message.flag_tc) return { type: 'truncated' };
  if (message.rcode === 'NXDOMAIN') return { type: 'no such name' };
  if (message.rcode !== 'NOERROR') return { type: 'refused' };
  return follow(message.answers ?? [], query);
}

/** Reads the question and, unless the response is cut off, the answers; nothing else is needed. */
function decode(bytes: Uint8Array): (DecodedPacket & { rcode?: string }) | undefined {
  const copy = Buffer.from(bytes);
  const isTruncated = ((copy[2] ?? 0) & 0x02) !== 0;
  copy.fill(0, isTruncated ? ANSWER_COUNT_AT : AUTHORITY_COUNT_AT, HEADER_SIZE);
  try {
    return dns.decode(copy);
  } catch {
    return undefined;
  }
}

/** Follows the aliases within a response. */
function follow(records: readonly ResourceRecord[], query: Query): Answer {
  let name = query.name;
  for (let aliases = 0; aliases <= MOST_ALIASES; aliases++) {
    const addresses = addressesOf(records, name, query.type);
    if (addresses.length > 0) return { type: 'addresses', addresses };
    const alias = records.find(
      (record) => record.type === 'CNAME' && isSameName(record.name, name),
    );
    if (alias?.type !== 'CNAME') {
      const hasNone = isSameName(name, query.name);
      return hasNone ? { type: 'addresses', addresses: [] } : { type: 'alias', name };
    }
    if (!isQueryable(alias.data)) return { type: 'refused' };
    name = alias.data;
  }
  return { type: 'refused' };
}

function addressesOf(
  records: readonly ResourceRecord[],
  name: string,
  type: AddressType,
): string[] {
  const found = new Set<string>();
  for (const record of records) {
    if (record.type !== type || !isSameName(record.name, name)) continue;
    const address = canonicalAddress(String(record.data));
    if (address !== undefined && found.size < MOST_ADDRESSES) found.add(address);
  }
  return [...found];
}

/** Upper and lower case of ASCII are the same (RFC 4343). */
function isSameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
