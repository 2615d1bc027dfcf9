/**
 * Structs of fwpmtypes.h and fwptypes.h as 64-bit Windows lays them out: where each field is. A test
 * compares these tables to the headers themselves.
 */
import { parseIp } from '../../protocol/ip.js';
import type { Arena } from '../../system/windows/arena.js';
import { guidBytes } from '../../system/windows/guid.js';
import type { Family } from '../family.js';
import type { Condition, Direction, Field, Filter, Value } from './firewall-rules.js';
import type { Struct } from './structs.js';

export const FWPM_SESSION0 = {
  size: 72,
  displayName: 16,
  displayDescription: 24,
  flags: 32,
  txnWaitTimeoutInMSec: 36,
} as const;

export const FWPM_PROVIDER0 = {
  size: 64,
  providerKey: 0,
  displayName: 16,
  displayDescription: 24,
  flags: 32,
} as const;

export const FWPM_SUBLAYER0 = {
  size: 72,
  subLayerKey: 0,
  displayName: 16,
  displayDescription: 24,
  flags: 32,
  providerKey: 40,
  weight: 64,
} as const;

export const FWPM_FILTER0 = {
  size: 200,
  filterKey: 0,
  displayName: 16,
  displayDescription: 24,
  flags: 32,
  providerKey: 40,
  layerKey: 64,
  subLayerKey: 80,
  weightType: 96,
  weightValue: 104,
  numFilterConditions: 112,
  filterCondition: 120,
  actionType: 128,
  filterId: 176,
} as const;

export const FWPM_FILTER_CONDITION0 = {
  size: 40,
  fieldKey: 0,
  matchType: 16,
  valueType: 24,
  value: 32,
} as const;

export const FWP_BYTE_BLOB = { size: 16, length: 0, data: 8 } as const;
export const FWP_V6_ADDR_AND_MASK = { size: 17, addr: 0, prefixLength: 16 } as const;

const FWPM_SESSION_FLAG_DYNAMIC = 1;
const FWPM_FILTER_FLAG_CLEAR_ACTION_RIGHT = 8;
const FWP_ACTION_BLOCK = 0x1001;
const FWP_ACTION_PERMIT = 0x1002;
/** Before all other sublayers. */
const HIGHEST_WEIGHT = 0xffff;
/** Somebody else's transaction is waited for so long; the event loop stands meanwhile. */
const TRANSACTION_WAIT_MS = 15_000;

const FWP_DATA_TYPE = {
  uint8: 1,
  uint16: 2,
  uint32: 3,
  uint64: 4,
  address6: 11,
  blob: 12,
  securityDescriptor: 14,
  network6: 0x101,
} as const satisfies Record<Value['type'], number>;

const FWP_MATCH_TYPE = { equal: 0, allSet: 6 } as const satisfies Record<
  Condition['match'],
  number
>;

/** FWPM_LAYER_ALE_AUTH_CONNECT_V4 and so on. */
export const LAYERS: Readonly<Record<Direction, Readonly<Record<Family, string>>>> = {
  connect: {
    4: 'c38d57d1-05a7-4c33-904f-7fbceee60e82',
    6: '4a72393b-319f-44bc-84c3-ba54dcb3b6b4',
  },
  accept: {
    4: 'e1cd9fe7-f4b5-4273-96c0-592e487b8650',
    6: 'a3b42c97-9f04-4672-b87e-cee9c483257f',
  },
};

/** FWPM_CONDITION_*; those of ICMP are the ports under another name. */
export const CONDITIONS: Readonly<Record<Field, string>> = {
  flags: '632ce23b-5167-435c-86d7-e903684aa80c',
  protocol: '3971ef2b-623e-4f9a-8cb1-6e79b806b9a7',
  localAddress: 'd9ee00de-c1ef-4617-bfe3-ffd8f5a08957',
  remoteAddress: 'b235ae9a-1d64-49b8-a44c-5ff3d9095045',
  localPort: '0c1ba1af-5765-453f-af22-a8f791ac775b',
  remotePort: 'c35a604d-d22b-4e1a-91b4-68f674ee674b',
  icmpType: '0c1ba1af-5765-453f-af22-a8f791ac775b',
  icmpCode: 'c35a604d-d22b-4e1a-91b4-68f674ee674b',
  localInterface: '4cd62a49-59c3-4969-b7f3-bda5d32890a4',
  appId: 'd78e1e87-8644-4ea5-9437-d809ecefc971',
  userId: 'af043a0a-b34d-4f86-979c-c90371af6e66',
};

/** What all that we add belongs to. */
export interface Keys {
  readonly provider: Uint8Array;
  readonly sublayer: Uint8Array;
}

/** All that is added in it is gone with it, however the process ends. */
export function sessionStruct(arena: Arena, name: string): Struct {
  const session = arena.struct(FWPM_SESSION0.size);
  writeName(arena, session, name);
  session.view.setUint32(FWPM_SESSION0.flags, FWPM_SESSION_FLAG_DYNAMIC, true);
  session.view.setUint32(FWPM_SESSION0.txnWaitTimeoutInMSec, TRANSACTION_WAIT_MS, true);
  return session;
}

export function providerStruct(arena: Arena, keys: Keys, name: string): Struct {
  const provider = arena.struct(FWPM_PROVIDER0.size);
  provider.bytes.set(keys.provider, FWPM_PROVIDER0.providerKey);
  writeName(arena, provider, name);
  return provider;
}

export function sublayerStruct(arena: Arena, keys: Keys, name: string): Struct {
  const sublayer = arena.struct(FWPM_SUBLAYER0.size);
  sublayer.bytes.set(keys.sublayer, FWPM_SUBLAYER0.subLayerKey);
  writeName(arena, sublayer, name);
  sublayer.view.setBigUint64(FWPM_SUBLAYER0.providerKey, arena.copy(keys.provider), true);
  sublayer.view.setUint16(FWPM_SUBLAYER0.weight, HIGHEST_WEIGHT, true);
  return sublayer;
}

export function filterStruct(arena: Arena, keys: Keys, filter: Filter): Struct {
  const at = FWPM_FILTER0;
  const struct = arena.struct(at.size);
  const { bytes, view } = struct;
  const verb = filter.action === 'permit' ? 'Permit' : 'Block';
  writeName(
    arena,
    struct,
    `wg-ts: ${verb} ${filter.name} (IPv${filter.family} ${filter.direction})`,
  );
  view.setUint32(at.flags, filter.isFinal ? FWPM_FILTER_FLAG_CLEAR_ACTION_RIGHT : 0, true);
  view.setBigUint64(at.providerKey, arena.copy(keys.provider), true);
  bytes.set(guidBytes(LAYERS[filter.direction][filter.family]), at.layerKey);
  bytes.set(keys.sublayer, at.subLayerKey);
  view.setUint32(at.weightType, FWP_DATA_TYPE.uint8, true);
  view.setUint8(at.weightValue, filter.weight);
  view.setUint32(at.numFilterConditions, filter.conditions.length, true);
  if (filter.conditions.length > 0)
    view.setBigUint64(at.filterCondition, conditionArray(arena, filter.conditions), true);
  const action = filter.action === 'permit' ? FWP_ACTION_PERMIT : FWP_ACTION_BLOCK;
  view.setUint32(at.actionType, action, true);
  return struct;
}

function writeName(arena: Arena, struct: Struct, name: string): void {
  // At the same place in all of them.
  struct.view.setBigUint64(FWPM_FILTER0.displayName, arena.text(name), true);
  struct.view.setBigUint64(FWPM_FILTER0.displayDescription, arena.text(''), true);
}

function conditionArray(arena: Arena, conditions: readonly Condition[]): bigint {
  const at = FWPM_FILTER_CONDITION0;
  const array = arena.struct(at.size * conditions.length);
  for (const [i, { field, match, value }] of conditions.entries()) {
    const start = i * at.size;
    array.bytes.set(guidBytes(CONDITIONS[field]), start + at.fieldKey);
    array.view.setUint32(start + at.matchType, FWP_MATCH_TYPE[match], true);
    array.view.setUint32(start + at.valueType, FWP_DATA_TYPE[value.type], true);
    writeValue(arena, array.view, start + at.value, value);
  }
  return arena.addressOf(array);
}

/** Up to 32 bits are kept in place, all else is pointed to. */
function writeValue(arena: Arena, view: DataView, offset: number, value: Value): void {
  switch (value.type) {
    case 'uint8':
    case 'uint16':
    case 'uint32':
      view.setUint32(offset, value.value, true);
      break;
    case 'uint64': {
      const number = arena.struct(8);
      number.view.setBigUint64(0, value.value, true);
      view.setBigUint64(offset, arena.addressOf(number), true);
      break;
    }
    case 'address6':
      view.setBigUint64(offset, arena.copy(addressBytes(value.address)), true);
      break;
    case 'network6': {
      const network = arena.struct(FWP_V6_ADDR_AND_MASK.size);
      network.bytes.set(addressBytes(value.address), FWP_V6_ADDR_AND_MASK.addr);
      network.bytes[FWP_V6_ADDR_AND_MASK.prefixLength] = value.length;
      view.setBigUint64(offset, arena.addressOf(network), true);
      break;
    }
    case 'blob':
    case 'securityDescriptor': {
      const blob = arena.struct(FWP_BYTE_BLOB.size);
      blob.view.setUint32(FWP_BYTE_BLOB.length, value.bytes.length, true);
      blob.view.setBigUint64(FWP_BYTE_BLOB.data, arena.copy(value.bytes), true);
      view.setBigUint64(offset, arena.addressOf(blob), true);
    }
  }
}

function addressBytes(text: string): Uint8Array {
  const bytes = parseIp(text);
  if (!bytes) throw new RangeError(`${JSON.stringify(text)} is no IP address`);
  return bytes;
}
