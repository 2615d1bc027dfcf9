/** Questions to the routing table, RTM_GETROUTE of rtnetlink(7), and its answers. */
import { endianness } from 'node:os';
import { formatIp } from '../../protocol/ip.js';
import type { Way } from '../ways.js';
import { NLMSG_HEADER, netlinkMessages, parseAttributes, RTMSG, readUint32 } from './netlink.js';

// linux/netlink.h and linux/rtnetlink.h
const NLM_F_REQUEST = 1;
const NLMSG_ERROR = 2;
const RTM_NEWROUTE = 24;
const RTM_GETROUTE = 26;
const AF_INET = 2;
const AF_INET6 = 10;
const ATTRIBUTE_HEADER = 4;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PREFSRC = 7;
const RTA_MARK = 16;
const RTA_VIA = 18;
/** Types of routes by which packets leave: RTN_UNICAST, _LOCAL, _BROADCAST, _ANYCAST, _MULTICAST. */
const LAST_USABLE_TYPE = 5;
/** EINTR, EAGAIN, ENOMEM, ENOBUFS. */
const SYSTEM_IS_SHORT: ReadonlySet<number> = new Set([4, 11, 12, 105]);

const LITTLE = endianness() === 'LE';

export interface RouteQuestion {
  /** 4 or 16 bytes. */
  readonly destination: Uint8Array;
  /** Firewall mark; 0 is none. */
  readonly mark: number;
  /** Index of the interface by which packets have to leave; 0 is any. */
  readonly link: number;
  /** Comes back in the answer. */
  readonly sequence: number;
}

export interface RouteAnswer {
  readonly sequence: number;
  readonly way: Way | 'unreachable';
}

/** Returns the message, whose length is a multiple of four: several make one datagram. */
export function encodeRouteQuestion(question: RouteQuestion): Uint8Array {
  const { destination, mark, link, sequence } = question;
  const numbers = [
    ...(mark === 0 ? [] : [[RTA_MARK, mark] as const]),
    ...(link === 0 ? [] : [[RTA_OIF, link] as const]),
  ];
  const length = NLMSG_HEADER + RTMSG + ATTRIBUTE_HEADER + destination.length + numbers.length * 8;
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length, LITTLE);
  view.setUint16(4, RTM_GETROUTE, LITTLE);
  view.setUint16(6, NLM_F_REQUEST, LITTLE);
  view.setUint32(8, sequence, LITTLE);
  view.setUint8(NLMSG_HEADER, destination.length === 4 ? AF_INET : AF_INET6);
  view.setUint8(NLMSG_HEADER + 1, destination.length * 8);
  let at = NLMSG_HEADER + RTMSG;
  const attribute = (type: number, size: number): number => {
    view.setUint16(at, ATTRIBUTE_HEADER + size, LITTLE);
    view.setUint16(at + 2, type, LITTLE);
    const start = at + ATTRIBUTE_HEADER;
    at = start + size;
    return start;
  };
  bytes.set(destination, attribute(RTA_DST, destination.length));
  for (const [type, value] of numbers) view.setUint32(attribute(type, 4), value, LITTLE);
  return bytes;
}

/** Returns the answers in one datagram; what is cut off, or no answer, is passed over. */
export function parseRouteAnswers(bytes: Uint8Array): readonly RouteAnswer[] {
  const answers: RouteAnswer[] = [];
  for (const { type, sequence, body } of netlinkMessages(bytes)) {
    const way = type === RTM_NEWROUTE ? parseWay(body) : parseError(type, body);
    if (way) answers.push({ sequence, way });
  }
  return answers;
}

/** Returns undefined for an error that says nothing about the route. */
function parseError(type: number, body: Uint8Array): 'unreachable' | undefined {
  const error = type === NLMSG_ERROR ? readUint32(body.subarray(0, 4)) : undefined;
  if (error === undefined || error === 0) return undefined;
  return SYSTEM_IS_SHORT.has(-(error | 0)) ? undefined : 'unreachable';
}

function parseWay(body: Uint8Array): RouteAnswer['way'] | undefined {
  if (body.length < RTMSG) return undefined;
  const type = body[7] ?? 0;
  if (type < 1 || type > LAST_USABLE_TYPE) return 'unreachable';
  const attributes = parseAttributes(body.subarray(RTMSG));
  const link = readUint32(attributes.get(RTA_OIF));
  if (link === undefined) return undefined;
  // An IPv4 route by an IPv6 router has RTA_VIA: its family, in two bytes, and the address.
  const gateway = attributes.get(RTA_GATEWAY) ?? attributes.get(RTA_VIA)?.subarray(2);
  return { link, source: textOf(attributes.get(RTA_PREFSRC)), gateway: textOf(gateway) };
}

function textOf(address: Uint8Array | undefined): string {
  return address?.length === 4 || address?.length === 16 ? formatIp(address) : '';
}
