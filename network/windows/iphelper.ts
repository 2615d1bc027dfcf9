/** The functions of iphlpapi.dll in terms of `rows.ts`. */

import { checkNetworkCall, isGone, networkCallError } from '../../system/windows/callerror.js';
import { koffi } from '../../system/windows/libraries.js';
import { Structure, wideString } from '../../system/windows/memory.js';
import { Win32Error } from '../../system/windows/win32.js';
import type { Family } from '../family.js';
import { ipHlpApi } from './iphlpapi.js';
import {
  type AddressRow,
  changeIpInterfaceRow,
  type InterfaceRow,
  type IpInterfaceChange,
  type IpInterfaceRow,
  type RouteKey,
  type RouteRow,
  readAddressRow,
  readInterfaceRow,
  readIpInterfaceRow,
  readRouteRow,
  writeAddressRow,
  writeRouteRow,
} from './rows.js';
import {
  AF_UNSPEC,
  addressFamily,
  DNS_INTERFACE_SETTINGS,
  MIB_IF_ROW2,
  MIB_IPFORWARD_ROW2,
  MIB_IPINTERFACE_ROW,
  MIB_UNICASTIPADDRESS_ROW,
  TABLE_HEADER_SIZE,
} from './structs.js';

const DNS_SETTING_IPV6 = 0x1n;
const DNS_SETTING_NAMESERVER = 0x2n;
const DNS_SETTING_SEARCHLIST = 0x4n;

export interface DnsSettings {
  readonly servers: readonly string[];
  readonly search: readonly string[];
}

/** Failures of Windows calls are thrown as WindowsCallError. */
export class IpHelper {
  readonly #bound = ipHlpApi();

  /** Returns undefined when the interface does not exist (any more). */
  interface(luid: bigint): InterfaceRow | undefined {
    const row = new Structure(MIB_IF_ROW2.size);
    row.view.setBigUint64(MIB_IF_ROW2.InterfaceLuid, luid, true);
    const code = this.#bound.GetIfEntry2(row.bytes);
    return isFound('GetIfEntry2', code) ? readInterfaceRow(row) : undefined;
  }

  /** Returns undefined when the interface does not support this family. */
  ipInterface(luid: bigint, family: Family): IpInterfaceRow | undefined {
    const row = this.#ipInterface(luid, family);
    return row && readIpInterfaceRow(row);
  }

  changeIpInterface(luid: bigint, family: Family, change: IpInterfaceChange): void {
    const row = this.#ipInterface(luid, family);
    if (!row) throw networkCallError('GetIpInterfaceEntry', Win32Error.ERROR_NOT_FOUND);
    changeIpInterfaceRow(row, family, change);
    checkNetworkCall('SetIpInterfaceEntry', this.#bound.SetIpInterfaceEntry(row.bytes));
  }

  addresses(): AddressRow[] {
    const { GetUnicastIpAddressTable } = this.#bound;
    const get = (table: Uint8Array): number => GetUnicastIpAddressTable(AF_UNSPEC, table);
    const rows = this.#table('GetUnicastIpAddressTable', get, MIB_UNICASTIPADDRESS_ROW.size);
    return rows.map(readAddressRow).filter((row) => row !== undefined);
  }

  createAddress(address: AddressRow): void {
    const { bytes } = this.#addressStruct(address);
    checkNetworkCall('CreateUnicastIpAddressEntry', this.#bound.CreateUnicastIpAddressEntry(bytes));
  }

  deleteAddress(address: AddressRow): void {
    const { bytes } = this.#addressStruct(address);
    checkNetworkCall('DeleteUnicastIpAddressEntry', this.#bound.DeleteUnicastIpAddressEntry(bytes));
  }

  routes(): RouteRow[] {
    const { GetIpForwardTable2 } = this.#bound;
    const get = (table: Uint8Array): number => GetIpForwardTable2(AF_UNSPEC, table);
    const rows = this.#table('GetIpForwardTable2', get, MIB_IPFORWARD_ROW2.size);
    return rows.map(readRouteRow).filter((row) => row !== undefined);
  }

  createRoute(route: RouteKey): void {
    const { bytes } = this.#routeStruct(route);
    checkNetworkCall('CreateIpForwardEntry2', this.#bound.CreateIpForwardEntry2(bytes));
  }

  deleteRoute(route: RouteKey): void {
    const { bytes } = this.#routeStruct(route);
    checkNetworkCall('DeleteIpForwardEntry2', this.#bound.DeleteIpForwardEntry2(bytes));
  }

  /** False on Windows 10 before version 1809, where netsh is used instead. */
  get setsDns(): boolean {
    return this.#bound.SetInterfaceDnsSettings !== undefined;
  }

  /** Sets the DNS settings of one family; empty lists remove them. */
  setDns(guid: Uint8Array, family: Family, { servers, search }: DnsSettings): void {
    const at = DNS_INTERFACE_SETTINGS;
    const flags = DNS_SETTING_NAMESERVER | DNS_SETTING_SEARCHLIST;
    const halves = new DataView(guid.buffer, guid.byteOffset, guid.byteLength);
    const byValue = { low: halves.getBigUint64(0, true), high: halves.getBigUint64(8, true) };
    const settings = new Structure(at.size);
    settings.setNumber(at.Version, 1);
    settings.view.setBigUint64(at.Flags, family === 6 ? flags | DNS_SETTING_IPV6 : flags, true);
    settings.setPointer(at.NameServer, wideString(servers.join(',')));
    settings.setPointer(at.SearchList, wideString(search.join(',')));
    const code = this.#bound.SetInterfaceDnsSettings?.(byValue, settings.bytes);
    checkNetworkCall('SetInterfaceDnsSettings', code ?? Win32Error.ERROR_PROC_NOT_FOUND);
  }

  luidOfAlias(alias: string): bigint {
    const luid = new BigUint64Array(1);
    const code = this.#bound.ConvertInterfaceAliasToLuid(alias, bytesOf(luid));
    checkNetworkCall('ConvertInterfaceAliasToLuid', code);
    return luid[0] ?? 0n;
  }

  luidOfIndex(index: number): bigint {
    const luid = new BigUint64Array(1);
    const code = this.#bound.ConvertInterfaceIndexToLuid(index, bytesOf(luid));
    checkNetworkCall('ConvertInterfaceIndexToLuid', code);
    return luid[0] ?? 0n;
  }

  indexOf(luid: bigint): number {
    const index = new Uint32Array(1);
    const code = this.#bound.ConvertInterfaceLuidToIndex(luidBytes(luid), bytesOf(index));
    checkNetworkCall('ConvertInterfaceLuidToIndex', code);
    return index[0] ?? 0;
  }

  guidOf(luid: bigint): Uint8Array {
    const guid = new Structure(16).bytes;
    checkNetworkCall(
      'ConvertInterfaceLuidToGuid',
      this.#bound.ConvertInterfaceLuidToGuid(luidBytes(luid), guid),
    );
    return guid;
  }

  luidOfGuid(guid: Uint8Array): bigint {
    const luid = new BigUint64Array(1);
    const code = this.#bound.ConvertInterfaceGuidToLuid(guid, bytesOf(luid));
    checkNetworkCall('ConvertInterfaceGuidToLuid', code);
    return luid[0] ?? 0n;
  }

  /**
   * From now on Windows calls `callback` (the address of a function) with `context` when a route or an
   * interface changes, on its own threads. Returns handles for `cancelNotification`.
   */
  notifyChanges(callback: bigint, context: bigint): bigint[] {
    const handles: bigint[] = [];
    try {
      for (const name of ['NotifyRouteChange2', 'NotifyIpInterfaceChange'] as const) {
        const handle = new BigUint64Array(1);
        checkNetworkCall(name, this.#bound[name](AF_UNSPEC, callback, context, 0, bytesOf(handle)));
        handles.push(handle[0] ?? 0n);
      }
    } catch (error) {
      for (const handle of handles) this.cancelNotification(handle);
      throw error;
    }
    return handles;
  }

  /** Waits until no callback is running. */
  cancelNotification(handle: bigint): void {
    checkNetworkCall('CancelMibChangeNotify2', this.#bound.CancelMibChangeNotify2(handle));
  }

  #ipInterface(luid: bigint, family: Family): Structure | undefined {
    const row = new Structure(MIB_IPINTERFACE_ROW.size);
    this.#bound.InitializeIpInterfaceEntry(row.bytes);
    row.view.setUint16(MIB_IPINTERFACE_ROW.Family, addressFamily(family), true);
    row.view.setBigUint64(MIB_IPINTERFACE_ROW.InterfaceLuid, luid, true);
    const code = this.#bound.GetIpInterfaceEntry(row.bytes);
    return isFound('GetIpInterfaceEntry', code) ? row : undefined;
  }

  #addressStruct(address: AddressRow): Structure {
    const row = new Structure(MIB_UNICASTIPADDRESS_ROW.size);
    this.#bound.InitializeUnicastIpAddressEntry(row.bytes);
    writeAddressRow(row, address);
    return row;
  }

  #routeStruct(route: RouteKey): Structure {
    const row = new Structure(MIB_IPFORWARD_ROW2.size);
    this.#bound.InitializeIpForwardEntry(row.bytes);
    writeRouteRow(row, route, 0);
    return row;
  }

  /** Returns copies of the rows of a table that Windows allocates; the table is freed. */
  #table(name: string, get: (table: Uint8Array) => number, rowSize: number): Structure[] {
    const out = new BigUint64Array(1);
    const code = get(bytesOf(out));
    // Returned by a machine that has no rows at all.
    if (!isFound(name, code)) return [];
    const table = out[0] ?? 0n;
    try {
      const count: number = koffi().decode.uint32(table);
      const all = koffi()
        .view(table, TABLE_HEADER_SIZE + count * rowSize)
        .slice(TABLE_HEADER_SIZE);
      return Array.from(
        { length: count },
        (_, i) => new Structure(new Uint8Array(all, i * rowSize, rowSize)),
      );
    } finally {
      this.#bound.FreeMibTable(table);
    }
  }
}

function isFound(name: string, code: number): boolean {
  const error = code === Win32Error.ERROR_SUCCESS ? undefined : networkCallError(name, code);
  if (error && !isGone(error)) throw error;
  return error === undefined;
}

function bytesOf(array: BigUint64Array | Uint32Array): Uint8Array {
  return new Uint8Array(array.buffer);
}

function luidBytes(luid: bigint): Uint8Array {
  return bytesOf(BigUint64Array.of(luid));
}
