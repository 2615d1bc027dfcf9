export type Family = 4 | 6;

export const FAMILIES: readonly Family[] = [4, 6];

/** Returns the family of an address or a network. */
export function familyOf(text: string): Family {
  return text.includes(':') ? 6 : 4;
}

/** Splits `10.0.0.2/24` into its two parts; a bare address is a host. */
export function splitPrefix(prefix: string): { address: string; length: number } {
  const [address = '', length] = prefix.split('/');
  return { address, length: length === undefined ? hostLength(address) : Number(length) };
}

/** Returns the `-4` or `-6` of ip(8). */
export function familyFlag(family: Family): string {
  return `-${family}`;
}

/** `ip` is canonical text. */
export function isLoopback(ip: string): boolean {
  return ip === '::1' || ip.startsWith('127.');
}

function hostLength(address: string): number {
  return familyOf(address) === 4 ? 32 : 128;
}
