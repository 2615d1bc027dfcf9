const GUID = /^\{?([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})\}?$/i;

/** Returns the 16 bytes of a GUID in the layout of Windows. Throws RangeError for other text. */
export function guidBytes(text: string): Uint8Array {
  const parts = GUID.exec(text)?.slice(1);
  if (!parts) throw new RangeError(`${JSON.stringify(text)} is no GUID`);
  const bytes = Buffer.from(parts.join(''), 'hex');
  // The first three parts are numbers, so little-endian; the rest are bytes.
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return new Uint8Array(bytes);
}

/** Returns a GUID as text, such as `{C38D57D1-05A7-4C33-904F-7FBCEEE60E82}`. */
export function guidText(bytes: Uint8Array): string {
  const copy = Buffer.from(bytes);
  copy.subarray(0, 4).reverse();
  copy.subarray(4, 6).reverse();
  copy.subarray(6, 8).reverse();
  const hex = copy.toString('hex').toUpperCase();
  const parts = [[0, 8] as const, [8, 12], [12, 16], [16, 20], [20, 32]];
  return `{${parts.map(([start = 0, end]) => hex.slice(start, end)).join('-')}}`;
}
