/** Functions on networks as text, such as `10.0.0.0/8`. */
import ipaddr from 'ipaddr.js';
import { parseIp, parsePrefix } from '../../protocol/ip.js';

export function lengthOf(text: string): number {
  return parsePrefix(text)?.length ?? 0;
}

export function addressOf(prefix: string): string {
  return prefix.replace(/\/\d+$/, '');
}

export function isIpv6(text: string): boolean {
  return text.includes(':');
}

export function isAddress(text: string): boolean {
  return parseIp(text) !== undefined;
}

/** Most likely behind a router that translates addresses. */
export function isPrivate(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const range = ipaddr.process(address).range();
  return range === 'private' || range === 'carrierGradeNat' || range === 'uniqueLocal';
}

export function isPublic(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === 'unicast';
}
