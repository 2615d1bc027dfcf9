import { libc } from './libc.js';

const IF_NAMESIZE = 16;

/** The index of a zone as written in an IPv6 address, an interface's name or number; 0 for none. */
export function zoneIndex(zone: string): number {
  return /^\d+$/.test(zone) ? Number(zone) : libc().if_nametoindex(zone);
}

/** The name of the interface, else its number. */
export function zoneName(index: number): string {
  const name = Buffer.alloc(IF_NAMESIZE);
  if (libc().if_indextoname(index, name) === null) return String(index);
  return name.toString('utf8', 0, name.indexOf(0));
}
