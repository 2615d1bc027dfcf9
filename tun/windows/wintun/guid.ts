import { createHash } from 'node:crypto';

/**
 * Returns the GUID of an adapter as Windows has it in memory, 16 bytes: the same for the same
 * `identity`, so that Windows recognizes the network and does not ask again what kind it is.
 */
export function adapterGuid(identity: string): Uint8Array {
  const hash = createHash('sha256').update('wg-ts adapter\0').update(identity).digest();
  const guid = new Uint8Array(hash.subarray(0, 16));
  // RFC 9562, section 5.8: a custom version. Data3, little-endian, has it in its upper byte.
  guid[7] = ((guid[7] as number) & 0x0f) | 0x80;
  guid[8] = ((guid[8] as number) & 0x3f) | 0x80;
  return guid;
}
