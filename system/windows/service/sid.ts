import { createHash } from 'node:crypto';

/**
 * The account that Windows gives to a service: `S-1-5-80-` and the SHA-1 of its name in capitals,
 * UTF-16, as five numbers. `sc showsid NAME` tells the same.
 */
export function serviceSid(serviceName: string): string {
  const hash = createHash('sha1').update(serviceName.toUpperCase(), 'utf16le').digest();
  const parts = [0, 4, 8, 12, 16].map((offset) => hash.readUInt32LE(offset));
  return ['S-1-5-80', ...parts].join('-');
}
