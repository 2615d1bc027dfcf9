/** Rows of Windows' network tables as plain values; read from and written to its structs. */
import type { Structure } from '../../system/windows/memory.js';
import { type Family, familyOf } from '../family.js';
import {
  anyAddress,
  IF_OPER_STATUS_UP,
  INFINITE_LIFETIME,
  IP_DAD_STATE_PREFERRED,
  MIB_IF_ROW2,
  MIB_IPFORWARD_ROW2,
  MIB_IPINTERFACE_ROW,
  MIB_IPPROTO_NETMGMT,
  MIB_UNICASTIPADDRESS_ROW,
  ROUTER_DISCOVERY_DISABLED,
  readAddress,
  readAlias,
  writeAddress,
} from './structs.js';

/** An address of an interface, without its zone. */
export interface AddressRow {
  readonly luid: bigint;
  readonly address: string;
  readonly length: number;
}

/** What identifies a route. `nextHop` is `0.0.0.0` or `::` for a neighbour. */
export interface RouteKey {
  readonly luid: bigint;
  readonly destination: string;
  readonly length: number;
  readonly nextHop: string;
}

export interface RouteRow extends RouteKey {
  readonly metric: number;
  /** Added by hand or by a program, not by Windows itself or DHCP. */
  readonly isManual: boolean;
}

export interface InterfaceRow {
  readonly luid: bigint;
  readonly index: number;
  /** As Windows shows it: `Ethernet 2`. */
  readonly alias: string;
  readonly mtu: number;
  readonly isUp: boolean;
}

/** The settings of an interface for one family. */
export interface IpInterfaceRow {
  readonly mtu: number;
  readonly metric: number;
}

/** Changes of an interface; settings that are left out stay unchanged. */
export interface IpInterfaceChange {
  readonly mtu?: number;
  /** 0, instead of the metric that Windows derives from the speed of the link. */
  readonly lowestMetric?: boolean;
  /** Addresses are usable at once, and routers and DHCP add none: a tunnel needs neither. */
  readonly staticOnly?: boolean;
}

export function sameRoute(a: RouteKey, b: RouteKey): boolean {
  return routeId(a) === routeId(b);
}

export function routeId({ luid, destination, length, nextHop }: RouteKey): string {
  return `${luid} ${destination}/${length} ${nextHop}`;
}

/** Writes over a row initialized by `InitializeUnicastIpAddressEntry`. */
export function writeAddressRow(row: Structure, { luid, address, length }: AddressRow): void {
  const at = MIB_UNICASTIPADDRESS_ROW;
  writeAddress(row, at.Address, address);
  row.view.setBigUint64(at.InterfaceLuid, luid, true);
  row.view.setUint32(at.ValidLifetime, INFINITE_LIFETIME, true);
  row.view.setUint32(at.PreferredLifetime, INFINITE_LIFETIME, true);
  row.view.setUint8(at.OnLinkPrefixLength, length);
  row.view.setUint32(at.DadState, IP_DAD_STATE_PREFERRED, true);
}

export function readAddressRow(row: Structure): AddressRow | undefined {
  const at = MIB_UNICASTIPADDRESS_ROW;
  const address = readAddress(row, at.Address);
  if (address === undefined) return undefined;
  const luid = row.view.getBigUint64(at.InterfaceLuid, true);
  return { luid, address, length: row.view.getUint8(at.OnLinkPrefixLength) };
}

/**
 * Writes over a row initialized by `InitializeIpForwardEntry`. The metric adds to that of the
 * interface.
 */
export function writeRouteRow(row: Structure, route: RouteKey, metric: number): void {
  const at = MIB_IPFORWARD_ROW2;
  row.view.setBigUint64(at.InterfaceLuid, route.luid, true);
  writeAddress(row, at.DestinationPrefix, route.destination);
  row.view.setUint8(at.PrefixLength, route.length);
  writeAddress(row, at.NextHop, route.nextHop);
  row.view.setUint32(at.ValidLifetime, INFINITE_LIFETIME, true);
  row.view.setUint32(at.PreferredLifetime, INFINITE_LIFETIME, true);
  row.view.setUint32(at.Metric, metric, true);
  row.view.setUint32(at.Protocol, MIB_IPPROTO_NETMGMT, true);
}

export function readRouteRow(row: Structure): RouteRow | undefined {
  const at = MIB_IPFORWARD_ROW2;
  const destination = readAddress(row, at.DestinationPrefix);
  if (destination === undefined) return undefined;
  return {
    luid: row.view.getBigUint64(at.InterfaceLuid, true),
    destination,
    length: row.view.getUint8(at.PrefixLength),
    nextHop: readAddress(row, at.NextHop) ?? anyAddress(destination),
    metric: row.view.getUint32(at.Metric, true),
    isManual: row.view.getUint32(at.Protocol, true) === MIB_IPPROTO_NETMGMT,
  };
}

export function readInterfaceRow(row: Structure): InterfaceRow {
  const at = MIB_IF_ROW2;
  return {
    luid: row.view.getBigUint64(at.InterfaceLuid, true),
    index: row.view.getUint32(at.InterfaceIndex, true),
    alias: readAlias(row, at.Alias),
    mtu: row.view.getUint32(at.Mtu, true),
    isUp: row.view.getUint32(at.OperStatus, true) === IF_OPER_STATUS_UP,
  };
}

export function readIpInterfaceRow(row: Structure): IpInterfaceRow {
  const at = MIB_IPINTERFACE_ROW;
  const mtu = row.view.getUint32(at.NlMtu, true);
  return { mtu, metric: row.view.getUint32(at.Metric, true) };
}

/** Changes a row read by `GetIpInterfaceEntry`. */
export function changeIpInterfaceRow(
  row: Structure,
  family: Family,
  change: IpInterfaceChange,
): void {
  const at = MIB_IPINTERFACE_ROW;
  const { view } = row;
  // GetIpInterfaceEntry returns a value that SetIpInterfaceEntry refuses for IPv4.
  if (family === 4) view.setUint32(at.SitePrefixLength, 0, true);
  if (change.mtu !== undefined) view.setUint32(at.NlMtu, change.mtu, true);
  if (change.lowestMetric) {
    view.setUint8(at.UseAutomaticMetric, 0);
    view.setUint32(at.Metric, 0, true);
  }
  if (change.staticOnly) {
    view.setUint32(at.RouterDiscoveryBehavior, ROUTER_DISCOVERY_DISABLED, true);
    view.setUint32(at.DadTransmits, 0, true);
    view.setUint8(at.ManagedAddressConfigurationSupported, 0);
    view.setUint8(at.OtherStatefulConfigurationSupported, 0);
  }
}

/** Returns a route to a single host. */
export function hostRoute(address: string, luid: bigint, nextHop: string): RouteKey {
  const length = familyOf(address) === 4 ? 32 : 128;
  return { luid, destination: address, length, nextHop };
}
