/**
 * Parses messages of rtnetlink(7) about links, addresses, routes and rules. Every length in them is checked.
 */
import { endianness } from 'node:os';

// linux/rtnetlink.h
const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_NEWRULE = 32;
const RTM_DELRULE = 33;
const RTM_NEWNEXTHOP = 104;
const RTM_DELNEXTHOP = 105;

export const NLMSG_HEADER = 16;
const ATTRIBUTE_HEADER = 4;
const IFINFOMSG = 16;
const IFADDRMSG = 8;
/** sizeof(struct rtmsg) */
export const RTMSG = 12;

const IFF_UP = 0x1;
const IFF_RUNNING = 0x40;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_FLAGS = 8;
const IFA_F_TENTATIVE = 0x40;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTN_UNICAST = 1;
const RT_TABLE_LOCAL = 255;
/** Flag of a route that the system cloned from another for one destination. */
const RTM_F_CLONED = 0x200;

const LITTLE = endianness() === 'LE';

export type NetlinkChange =
  | {
      readonly type: 'link';
      readonly index: number;
      readonly isRunning: boolean;
      readonly isGone: boolean;
    }
  | {
      readonly type: 'address';
      readonly index: number;
      /** As bytes. */
      readonly address: Uint8Array;
      readonly isGone: boolean;
      /** Not usable yet: duplicate address detection is still running. */
      readonly isTentative: boolean;
      /** RT_SCOPE_*: 0 is the whole world. */
      readonly scope: number;
    }
  | {
      readonly type: 'route';
      /** Index of the interface; absent for several or none. */
      readonly index: number | undefined;
      /** Empty for a default route. */
      readonly destination: Uint8Array;
    }
  /** A policy rule or a next hop, either of which may belong to any route. */
  | { readonly type: 'policy' };

/** Returns the changes in one datagram. Stops at a message that is cut off or invalid. */
export function parseNetlink(bytes: Uint8Array): readonly NetlinkChange[] {
  const changes: NetlinkChange[] = [];
  for (const { type, body } of netlinkMessages(bytes)) {
    const change = parseMessage(type, body);
    if (change) changes.push(change);
  }
  return changes;
}

export interface NetlinkMessage {
  readonly type: number;
  readonly sequence: number;
  readonly body: Uint8Array;
}

/** Yields the messages in one datagram. Stops at one that is cut off or invalid. */
export function* netlinkMessages(bytes: Uint8Array): Generator<NetlinkMessage> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at + NLMSG_HEADER <= bytes.length; ) {
    const length = view.getUint32(at, LITTLE);
    if (length < NLMSG_HEADER || at + length > bytes.length) return;
    const type = view.getUint16(at + 4, LITTLE);
    const sequence = view.getUint32(at + 8, LITTLE);
    yield { type, sequence, body: bytes.subarray(at + NLMSG_HEADER, at + length) };
    at += aligned(length);
  }
}

function parseMessage(type: number, body: Uint8Array): NetlinkChange | undefined {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  switch (type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return parseLink(view, type === RTM_DELLINK);
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return parseAddress(body, view, type === RTM_DELADDR);
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return parseRoute(body, view);
    case RTM_NEWRULE:
    case RTM_DELRULE:
    case RTM_NEWNEXTHOP:
    case RTM_DELNEXTHOP:
      return { type: 'policy' };
    default:
      return undefined;
  }
}

function parseLink(view: DataView, isGone: boolean): NetlinkChange | undefined {
  if (view.byteLength < IFINFOMSG) return undefined;
  const flags = view.getUint32(8, LITTLE);
  const isRunning = !isGone && (flags & IFF_UP) !== 0 && (flags & IFF_RUNNING) !== 0;
  return { type: 'link', index: view.getInt32(4, LITTLE), isRunning, isGone };
}

function parseAddress(
  body: Uint8Array,
  view: DataView,
  isGone: boolean,
): NetlinkChange | undefined {
  if (view.byteLength < IFADDRMSG) return undefined;
  const attributes = parseAttributes(body.subarray(IFADDRMSG));
  const address = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
  if (!address) return undefined;
  const flags = readUint32(attributes.get(IFA_FLAGS)) ?? view.getUint8(2);
  const isTentative = (flags & IFA_F_TENTATIVE) !== 0;
  const scope = view.getUint8(3);
  return { type: 'address', index: view.getUint32(4, LITTLE), address, isGone, isTentative, scope };
}

function parseRoute(body: Uint8Array, view: DataView): NetlinkChange | undefined {
  if (view.byteLength < RTMSG) return undefined;
  const isOrdinary = view.getUint8(7) === RTN_UNICAST && view.getUint8(4) !== RT_TABLE_LOCAL;
  if (!isOrdinary || (view.getUint32(8, LITTLE) & RTM_F_CLONED) !== 0) return undefined;
  const attributes = parseAttributes(body.subarray(RTMSG));
  const destination = attributes.get(RTA_DST) ?? new Uint8Array(0);
  return { type: 'route', index: readUint32(attributes.get(RTA_OIF)), destination };
}

/** The last attribute of each type counts. */
export function parseAttributes(bytes: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const attributes = new Map<number, Uint8Array>();
  for (let at = 0; at + ATTRIBUTE_HEADER <= bytes.length; ) {
    const length = view.getUint16(at, LITTLE);
    if (length < ATTRIBUTE_HEADER || at + length > bytes.length) break;
    const value = Uint8Array.from(bytes.subarray(at + ATTRIBUTE_HEADER, at + length));
    attributes.set(view.getUint16(at + 2, LITTLE), value);
    at += aligned(length);
  }
  return attributes;
}

export function readUint32(bytes: Uint8Array | undefined): number | undefined {
  if (bytes?.length !== 4) return undefined;
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, LITTLE);
}

function aligned(length: number): number {
  return (length + 3) & ~3;
}
