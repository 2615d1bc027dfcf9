/**
 * What can be turned off in a native data plane: for a system or path that refuses it, for tests and for
 * measurements.
 *
 * Those of kind `tun` depend on how the interface is opened; the library turns off those of kind `plane`
 * by the bits WG_TS_WITHOUT_* of wg_ts.h.
 */
export const OFFLOADS = [
  { name: 'vnet-hdr', kind: 'tun' },
  { name: 'tso', kind: 'tun' },
  { name: 'uso', kind: 'tun' },
  { name: 'udp-segment', kind: 'plane', bit: 1 },
  { name: 'udp-gro', kind: 'plane', bit: 2 },
  { name: 'tcp-coalescing', kind: 'plane', bit: 4 },
  { name: 'udp-coalescing', kind: 'plane', bit: 8 },
  { name: 'direct-crypto', kind: 'plane', bit: 16 },
] as const;

export type Offload = (typeof OFFLOADS)[number]['name'];
export type PlaneOffload = Extract<(typeof OFFLOADS)[number], { readonly kind: 'plane' }>['name'];

const BITS: ReadonlyMap<string, number> = new Map(
  OFFLOADS.flatMap((offload) => (offload.kind === 'plane' ? [[offload.name, offload.bit]] : [])),
);

export function isOffload(name: string): name is Offload {
  return OFFLOADS.some((offload) => offload.name === name);
}

export function isPlaneOffload(name: string): name is PlaneOffload {
  return BITS.has(name);
}

/** Returns the bits WG_TS_WITHOUT_* for the library. */
export function bitsOf(without: readonly PlaneOffload[] = []): number {
  return without.reduce((bits, name) => bits | (BITS.get(name) ?? 0), 0);
}
