/** Zones of IPv6 addresses: names of interfaces on Linux, numbers on Windows. */
import * as linux from './linux/zone.js';

/** Returns the index of a zone, or 0 for a zone that does not exist. */
export function zoneIndex(zone: string): number {
  if (process.platform === 'linux') return linux.zoneIndex(zone);
  return /^\d+$/.test(zone) ? Number(zone) : 0;
}

export function zoneName(index: number): string {
  return process.platform === 'linux' ? linux.zoneName(index) : String(index);
}
