/** The functions of iphlpapi.dll, unchanged; rows and tables are structs of `structs.ts`. */
import { koffi, systemLibrary } from '../../system/windows/libraries.js';

type RowCall = (row: Uint8Array) => number;
type TableCall = (family: number, table: Uint8Array) => number;
type ConvertCall = (from: Uint8Array, to: Uint8Array) => number;
type NotifyCall = (
  family: number,
  callback: bigint,
  context: bigint,
  initial: number,
  handle: Uint8Array,
) => number;

/** The results are Windows error codes. */
export interface IpHlpApi {
  readonly GetIfEntry2: RowCall;
  readonly InitializeIpInterfaceEntry: (row: Uint8Array) => void;
  readonly GetIpInterfaceEntry: RowCall;
  readonly SetIpInterfaceEntry: RowCall;
  readonly GetUnicastIpAddressTable: TableCall;
  readonly InitializeUnicastIpAddressEntry: (row: Uint8Array) => void;
  readonly CreateUnicastIpAddressEntry: RowCall;
  readonly DeleteUnicastIpAddressEntry: RowCall;
  readonly GetIpForwardTable2: TableCall;
  readonly InitializeIpForwardEntry: (row: Uint8Array) => void;
  readonly CreateIpForwardEntry2: RowCall;
  readonly DeleteIpForwardEntry2: RowCall;
  readonly FreeMibTable: (table: bigint) => void;
  readonly ConvertInterfaceAliasToLuid: (alias: string, luid: Uint8Array) => number;
  readonly ConvertInterfaceIndexToLuid: (index: number, luid: Uint8Array) => number;
  readonly ConvertInterfaceLuidToIndex: ConvertCall;
  readonly ConvertInterfaceLuidToGuid: ConvertCall;
  readonly ConvertInterfaceGuidToLuid: ConvertCall;
  readonly NotifyRouteChange2: NotifyCall;
  readonly NotifyIpInterfaceChange: NotifyCall;
  readonly CancelMibChangeNotify2: (handle: bigint) => number;
  readonly SetInterfaceDnsSettings: /** Since Windows 10 version 1809. */
  ((guid: { low: bigint; high: bigint }, settings: Uint8Array) => number) | undefined;
}

let bound: IpHlpApi | undefined;

/**
 * Binds the functions at the first call. Throws when Windows lacks a function that exists since Vista.
 */
export function ipHlpApi(): IpHlpApi {
  bound ??= load();
  return bound;
}

function load(): IpHlpApi {
  const library = systemLibrary('iphlpapi.dll');
  const row = (name: string): RowCall => library.func(`uint32_t __stdcall ${name}(void *row)`);
  const initialize = (name: string): ((row: Uint8Array) => void) =>
    library.func(`void __stdcall ${name}(void *row)`);
  const table = (name: string): TableCall =>
    library.func(`uint32_t __stdcall ${name}(uint16_t family, void *table)`);
  const convert = (name: string): ConvertCall =>
    library.func(`uint32_t __stdcall ${name}(void *from, void *to)`);
  const notify = (name: string): NotifyCall =>
    library.func(
      `uint32_t __stdcall ${name}(uint16_t family, uint64_t callback, uint64_t context, uint8_t initial, void *handle)`,
    );
  return {
    GetIfEntry2: row('GetIfEntry2'),
    InitializeIpInterfaceEntry: initialize('InitializeIpInterfaceEntry'),
    GetIpInterfaceEntry: row('GetIpInterfaceEntry'),
    SetIpInterfaceEntry: row('SetIpInterfaceEntry'),
    GetUnicastIpAddressTable: table('GetUnicastIpAddressTable'),
    InitializeUnicastIpAddressEntry: initialize('InitializeUnicastIpAddressEntry'),
    CreateUnicastIpAddressEntry: row('CreateUnicastIpAddressEntry'),
    DeleteUnicastIpAddressEntry: row('DeleteUnicastIpAddressEntry'),
    GetIpForwardTable2: table('GetIpForwardTable2'),
    InitializeIpForwardEntry: initialize('InitializeIpForwardEntry'),
    CreateIpForwardEntry2: row('CreateIpForwardEntry2'),
    DeleteIpForwardEntry2: row('DeleteIpForwardEntry2'),
    FreeMibTable: library.func('void __stdcall FreeMibTable(uint64_t table)'),
    ConvertInterfaceAliasToLuid: library.func(
      'uint32_t __stdcall ConvertInterfaceAliasToLuid(str16 alias, void *luid)',
    ),
    ConvertInterfaceIndexToLuid: library.func(
      'uint32_t __stdcall ConvertInterfaceIndexToLuid(uint32_t index, void *luid)',
    ),
    ConvertInterfaceLuidToIndex: convert('ConvertInterfaceLuidToIndex'),
    ConvertInterfaceLuidToGuid: convert('ConvertInterfaceLuidToGuid'),
    ConvertInterfaceGuidToLuid: convert('ConvertInterfaceGuidToLuid'),
    NotifyRouteChange2: notify('NotifyRouteChange2'),
    NotifyIpInterfaceChange: notify('NotifyIpInterfaceChange'),
    CancelMibChangeNotify2: library.func(
      'uint32_t __stdcall CancelMibChangeNotify2(uint64_t handle)',
    ),
    SetInterfaceDnsSettings: loadSetDns(),
  };
}

function loadSetDns(): IpHlpApi['SetInterfaceDnsSettings'] {
  // By value: a pointer on x64, two registers on arm64, as koffi knows.
  const guid = koffi().struct({ low: 'uint64_t', high: 'uint64_t' });
  try {
    const library = systemLibrary('iphlpapi.dll');
    return library.func('__stdcall', 'SetInterfaceDnsSettings', 'uint32_t', [guid, 'void *']);
  } catch {
    return undefined;
  }
}
