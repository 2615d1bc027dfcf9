/**
 * Structs of netioapi.h in the layout of 64-bit Windows (LLP64, little-endian): the offset of each
 * field. A test compares these tables to the headers themselves.
 */
import {
  AF_INET,
  WINDOWS_AF_INET6 as AF_INET6,
  addressWithoutZone,
  encodeSockaddr,
} from '../../system/sockaddr.js';
import type { Structure } from '../../system/windows/memory.js';
import { type Family, familyOf } from '../family.js';

export const AF_UNSPEC = 0;

/** A table is a count, then its rows: they are aligned to 8 bytes. */
export const TABLE_HEADER_SIZE = 8;

export const SOCKADDR_INET = {
  size: 28,
  si_family: 0,
  sin_addr: 4,
  sin6_addr: 8,
  sin6_scope_id: 24,
} as const;

export const MIB_UNICASTIPADDRESS_ROW = {
  size: 80,
  Address: 0,
  InterfaceLuid: 32,
  InterfaceIndex: 40,
  PrefixOrigin: 44,
  SuffixOrigin: 48,
  ValidLifetime: 52,
  PreferredLifetime: 56,
  OnLinkPrefixLength: 60,
  SkipAsSource: 61,
  DadState: 64,
  ScopeId: 68,
  CreationTimeStamp: 72,
} as const;

export const MIB_IPFORWARD_ROW2 = {
  size: 104,
  InterfaceLuid: 0,
  InterfaceIndex: 8,
  DestinationPrefix: 12,
  PrefixLength: 40,
  NextHop: 44,
  SitePrefixLength: 72,
  ValidLifetime: 76,
  PreferredLifetime: 80,
  Metric: 84,
  Protocol: 88,
  Loopback: 92,
  AutoconfigureAddress: 93,
  Publish: 94,
  Immortal: 95,
  Age: 96,
  Origin: 100,
} as const;

export const MIB_IPINTERFACE_ROW = {
  size: 168,
  Family: 0,
  InterfaceLuid: 8,
  InterfaceIndex: 16,
  UseAutomaticMetric: 44,
  ManagedAddressConfigurationSupported: 46,
  OtherStatefulConfigurationSupported: 47,
  RouterDiscoveryBehavior: 52,
  DadTransmits: 56,
  SitePrefixLength: 144,
  Metric: 148,
  NlMtu: 152,
  Connected: 156,
} as const;

export const MIB_IF_ROW2 = {
  size: 1352,
  InterfaceLuid: 0,
  InterfaceIndex: 8,
  Alias: 28,
  Mtu: 1124,
  OperStatus: 1156,
} as const;

/** 257 characters of two bytes. */
export const ALIAS_SIZE = 514;

export const DNS_INTERFACE_SETTINGS = {
  size: 64,
  Version: 0,
  Flags: 8,
  Domain: 16,
  NameServer: 24,
  SearchList: 32,
  RegistrationEnabled: 40,
  RegisterAdapterName: 44,
  EnableLLMNR: 48,
  QueryAdapterName: 52,
  ProfileNameServer: 56,
} as const;

export const INFINITE_LIFETIME = 0xffff_ffff;
/** NL_DAD_STATE: usable at once, without a probe for duplicates. */
export const IP_DAD_STATE_PREFERRED = 4;
/** NL_ROUTER_DISCOVERY_BEHAVIOR. */
export const ROUTER_DISCOVERY_DISABLED = 0;
/** NL_ROUTE_PROTOCOL of what was added by hand or by a program. */
export const MIB_IPPROTO_NETMGMT = 3;
/** IF_OPER_STATUS. */
export const IF_OPER_STATUS_UP = 1;

export function addressFamily(family: Family): number {
  return family === 4 ? AF_INET : AF_INET6;
}

/**
 * Writes the address and zone index of `address` as SOCKADDR_INET. Throws RangeError for an invalid
 * address.
 */
export function writeAddress({ bytes }: Structure, offset: number, address: string): void {
  const encoded = encodeSockaddr(address, 0, AF_INET6);
  if (!encoded) throw new RangeError(`${JSON.stringify(address)} is not an IP address`);
  bytes.set(encoded, offset);
}

/** Returns the address without a zone; undefined when it is of neither family. */
export function readAddress({ bytes, view }: Structure, offset: number): string | undefined {
  const family = view.getUint16(offset + SOCKADDR_INET.si_family, true);
  if (family !== AF_INET && family !== AF_INET6) return undefined;
  return addressWithoutZone(bytes.subarray(offset, offset + SOCKADDR_INET.size));
}

export function readAlias({ bytes }: Structure, offset: number): string {
  const text = Buffer.from(bytes.slice(offset, offset + ALIAS_SIZE)).toString('utf16le');
  return text.split('\0', 1)[0] ?? '';
}

/** Returns `0.0.0.0` or `::`, the gateway of a route to a neighbour. */
export function anyAddress(like: string): string {
  return familyOf(like) === 4 ? '0.0.0.0' : '::';
}
