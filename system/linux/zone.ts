import { libc } from './libc.js';

const IF_NAMESIZE = 16;

/** Returns the index of a zone of an IPv6 address, the name or number of an interface; 0 for none. */
export function zoneIndex(zone: string): number {
  return /^\d+$/.test(zone) ? Number(zone) : libc().if_nametoindex(zone);
}

/** Returns the name of the interface, or its number when there is no name. */
export function zoneName(index: number): string {
  const name = Buffer.alloc(IF_NAMESIZE);
  if (libc().if_indextoname(index, name) === null) return String(index);
  return name.toString('utf8', 0, name.indexOf(0));
}
