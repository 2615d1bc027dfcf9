import { formatPrefix, maskPrefix, parseIp, parsePrefix } from '../../protocol/ip.js';
import { familyOf } from '../family.js';

/** Whether a network, whose bits beyond `length` do not matter, holds `address`. */
export function holds(network: string, length: number, address: string): boolean {
  if (familyOf(network) !== familyOf(address)) return false;
  const [a, b] = [parseIp(network), parseIp(address)];
  if (!a || !b) return false;
  const whole = length >> 3;
  if (!a.subarray(0, whole).every((byte, i) => byte === b[i])) return false;
  const rest = length & 7;
  return rest === 0 || ((a[whole] ?? 0) ^ (b[whole] ?? 0)) >> (8 - rest) === 0;
}

/** `10.0.0.2/24` as `10.0.0.0/24`. */
export function networkOf(prefix: string): string {
  const parsed = parsePrefix(prefix);
  return parsed ? formatPrefix(maskPrefix(parsed)) : prefix;
}

/** Such an address belongs to its link, so several interfaces may have the same. */
export function isLinkLocal(address: string): boolean {
  return holds('fe80::', 10, address);
}
