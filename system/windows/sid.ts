/** Accounts of Windows (SIDs) as text and as bytes, and rights granted to them (MS-DTYP). */
import { createHash } from 'node:crypto';

const FWP_ACTRL_MATCH_FILTER = 1;
const SE_DACL_PRESENT = 0x0004;
const SE_SELF_RELATIVE = 0x8000;
const HEADER_SIZE = 20;
const ACL_HEADER_SIZE = 8;
const ACE_HEADER_SIZE = 8;
const DACL_OFFSET = 16;

/**
 * Returns the account that Windows gives to a service: `S-1-5-80-` and the SHA-1 of its name in capitals,
 * in UTF-16, as five numbers. `sc showsid NAME` shows the same.
 */
export function serviceSid(serviceName: string): string {
  const hash = createHash('sha1').update(serviceName.toUpperCase(), 'utf16le').digest();
  const parts = [0, 4, 8, 12, 16].map((offset) => hash.readUInt32LE(offset));
  return ['S-1-5-80', ...parts].join('-');
}

/** Returns the bytes of `S-1-5-80-...`. Throws RangeError for other text. */
export function sidBytes(text: string): Uint8Array {
  const parts = /^S-1-(\d+(?:-\d+)+)$/.exec(text)?.[1]?.split('-').map(Number);
  const [authority = 0, ...subAuthorities] = parts ?? [];
  const isValid =
    parts !== undefined &&
    subAuthorities.length <= 15 &&
    authority <= 0xffff_ffff &&
    subAuthorities.every((number) => number <= 0xffff_ffff);
  if (!isValid) throw new RangeError(`${JSON.stringify(text)} is no SID`);
  const bytes = new Uint8Array(8 + 4 * subAuthorities.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 1);
  view.setUint8(1, subAuthorities.length);
  // Six bytes, big-endian; the rest is little-endian.
  view.setUint32(4, authority);
  for (const [i, number] of subAuthorities.entries()) view.setUint32(8 + 4 * i, number, true);
  return bytes;
}

/**
 * Returns a self-relative security descriptor (MS-DTYP 2.4.6) that grants one account the right to match a
 * filter. This is how the firewall distinguishes a service's process from others of the same program.
 */
export function matchDescriptor(sid: string): Uint8Array {
  const account = sidBytes(sid);
  const aceSize = ACE_HEADER_SIZE + account.length;
  const aclSize = ACL_HEADER_SIZE + aceSize;
  const bytes = new Uint8Array(HEADER_SIZE + aclSize);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 1);
  view.setUint16(2, SE_DACL_PRESENT | SE_SELF_RELATIVE, true);
  view.setUint32(DACL_OFFSET, HEADER_SIZE, true);
  const acl = HEADER_SIZE;
  view.setUint8(acl, 2);
  view.setUint16(acl + 2, aclSize, true);
  view.setUint16(acl + 4, 1, true);
  // The type and the flags of an ACCESS_ALLOWED_ACE are 0.
  const ace = acl + ACL_HEADER_SIZE;
  view.setUint16(ace + 2, aceSize, true);
  view.setUint32(ace + 4, FWP_ACTRL_MATCH_FILTER, true);
  bytes.set(account, ace + ACE_HEADER_SIZE);
  return bytes;
}
