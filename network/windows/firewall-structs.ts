/**
 * Structs of fwpmtypes.h and fwptypes.h in the layout of 64-bit Windows: the offset of each field. A
 * test compares these tables to the headers themselves.
 */
import { parseIp } from '../../protocol/ip.js';
import { guidBytes } from '../../system/windows/guid.js';
import { Structure, wideString } from '../../system/windows/memory.js';
import type { Family } from '../family.js';
import type { Condition, Direction, Field, Filter, Value } from './firewall-rules.js';

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
/** How long to wait for another program's transaction; the event loop is blocked meanwhile. */
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

/** Keys of the provider and the sublayer that all added objects belong to. */
export interface Keys {
  readonly provider: Uint8Array;
  readonly sublayer: Uint8Array;
}

/** Everything added in the session disappears with it, however the process ends. */
export function sessionStruct(name: string): Structure {
  const session = new Structure(FWPM_SESSION0.size);
  writeName(session, name);
  session.setNumber(FWPM_SESSION0.flags, FWPM_SESSION_FLAG_DYNAMIC);
  session.setNumber(FWPM_SESSION0.txnWaitTimeoutInMSec, TRANSACTION_WAIT_MS);
  return session;
}

export function providerStruct(keys: Keys, name: string): Structure {
  const provider = new Structure(FWPM_PROVIDER0.size);
  provider.bytes.set(keys.provider, FWPM_PROVIDER0.providerKey);
  writeName(provider, name);
  return provider;
}

export function sublayerStruct(keys: Keys, name: string): Structure {
  const sublayer = new Structure(FWPM_SUBLAYER0.size);
  sublayer.bytes.set(keys.sublayer, FWPM_SUBLAYER0.subLayerKey);
  writeName(sublayer, name);
  sublayer.setPointer(FWPM_SUBLAYER0.providerKey, keys.provider);
  sublayer.view.setUint16(FWPM_SUBLAYER0.weight, HIGHEST_WEIGHT, true);
  return sublayer;
}

export function filterStruct(keys: Keys, filter: Filter): Structure {
  const at = FWPM_FILTER0;
  const struct = new Structure(at.size);
  const { bytes, view } = struct;
  const verb = filter.action === 'permit' ? 'Permit' : 'Block';
  writeName(struct, `wg-ts: ${verb} ${filter.name} (IPv${filter.family} ${filter.direction})`);
  struct.setNumber(at.flags, filter.isFinal ? FWPM_FILTER_FLAG_CLEAR_ACTION_RIGHT : 0);
  struct.setPointer(at.providerKey, keys.provider);
  bytes.set(guidBytes(LAYERS[filter.direction][filter.family]), at.layerKey);
  bytes.set(keys.sublayer, at.subLayerKey);
  struct.setNumber(at.weightType, FWP_DATA_TYPE.uint8);
  view.setUint8(at.weightValue, filter.weight);
  struct.setNumber(at.numFilterConditions, filter.conditions.length);
  if (filter.conditions.length > 0)
    struct.setPointer(at.filterCondition, conditionArray(filter.conditions));
  struct.setNumber(
    at.actionType,
    filter.action === 'permit' ? FWP_ACTION_PERMIT : FWP_ACTION_BLOCK,
  );
  return struct;
}

function writeName(struct: Structure, name: string): void {
  // The field has the same offset in all of these structs.
  struct.setPointer(FWPM_FILTER0.displayName, wideString(name));
  struct.setPointer(FWPM_FILTER0.displayDescription, wideString(''));
}

function conditionArray(conditions: readonly Condition[]): Uint8Array {
  const at = FWPM_FILTER_CONDITION0;
  const array = new Structure(at.size * conditions.length);
  for (const [i, { field, match, value }] of conditions.entries()) {
    const start = i * at.size;
    array.bytes.set(guidBytes(CONDITIONS[field]), start + at.fieldKey);
    array.setNumber(start + at.matchType, FWP_MATCH_TYPE[match]);
    array.setNumber(start + at.valueType, FWP_DATA_TYPE[value.type]);
    writeValue(array, start + at.value, value);
  }
  return array.bytes;
}

/** Values of up to 32 bits are stored in place, all others by pointer. */
function writeValue(struct: Structure, offset: number, value: Value): void {
  switch (value.type) {
    case 'uint8':
    case 'uint16':
    case 'uint32':
      struct.setNumber(offset, value.value);
      break;
    case 'uint64': {
      const number = new Structure(8);
      number.view.setBigUint64(0, value.value, true);
      struct.setPointer(offset, number.bytes);
      break;
    }
    case 'address6':
      struct.setPointer(offset, addressBytes(value.address));
      break;
    case 'network6': {
      const network = new Structure(FWP_V6_ADDR_AND_MASK.size);
      network.bytes.set(addressBytes(value.address), FWP_V6_ADDR_AND_MASK.addr);
      network.bytes[FWP_V6_ADDR_AND_MASK.prefixLength] = value.length;
      struct.setPointer(offset, network.bytes);
      break;
    }
    case 'blob':
    case 'securityDescriptor': {
      const blob = new Structure(FWP_BYTE_BLOB.size);
      blob.setNumber(FWP_BYTE_BLOB.length, value.bytes.length);
      blob.setPointer(FWP_BYTE_BLOB.data, value.bytes);
      struct.setPointer(offset, blob.bytes);
    }
  }
}

function addressBytes(text: string): Uint8Array {
  const bytes = parseIp(text);
  if (!bytes) throw new RangeError(`${JSON.stringify(text)} is not an IP address`);
  return bytes;
}
