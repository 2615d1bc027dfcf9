/** The stand-ins of iphlpapi.dll and fwpuclnt.dll, and what tests do to them. */
import { join } from 'node:path';
import { koffi, replaceSystemLibrary } from '../../../system/windows/libraries.js';

type Fill = (buffer: Uint8Array, size: number) => number;

export interface LoggedCall {
  readonly function: string;
  readonly result: number;
  readonly [field: string]: unknown;
}

export interface FamilyState {
  readonly mtu: number;
  readonly metric: number;
  readonly automaticMetric: number;
  readonly dns: string;
  readonly search: string;
}

export interface NetworkState {
  readonly interfaces: readonly {
    readonly luid: string;
    readonly alias: string;
    readonly ipv4?: FamilyState;
    readonly ipv6?: FamilyState;
  }[];
  readonly addresses: readonly {
    readonly luid: string;
    readonly address: string;
    readonly length: number;
  }[];
  readonly routes: readonly {
    readonly luid: string;
    readonly destination: string;
    readonly length: number;
    readonly nextHop: string;
    readonly metric: number;
    readonly protocol: number;
  }[];
}

export interface FilterState {
  readonly id: number;
  readonly name: string;
  readonly flags: number;
  readonly layerKey: string;
  readonly weight: number;
  readonly action: number;
  readonly conditions: readonly {
    readonly fieldKey: string;
    readonly matchType: number;
    readonly type: number;
    readonly value: number | string;
    readonly length?: number;
    readonly valid?: number;
  }[];
}

export interface FirewallState {
  readonly open: number;
  readonly inTransaction: number;
  readonly commits: number;
  readonly aborts: number;
  readonly session: Readonly<Record<string, unknown>> | null;
  readonly provider: Readonly<Record<string, unknown>> | null;
  readonly sublayer: Readonly<Record<string, unknown>> | null;
  readonly filters: readonly FilterState[];
}

/** Not by the system's own names: of those Wine takes its own file. */
function pathOf(name: string): string {
  return join(process.env['WG_TS_WINE_FOLDER'] ?? '', 'doubles', `${name}.dll`);
}

function jsonOf(fill: Fill): unknown {
  let size = 64 * 1024;
  for (;;) {
    const buffer = new Uint8Array(new ArrayBuffer(size));
    const length = fill(buffer, size);
    if (length <= size) return JSON.parse(Buffer.from(buffer.subarray(0, length)).toString());
    size = length;
  }
}

/** Stands for iphlpapi.dll from now on; `iphlpapi-double-1803` is one without SetInterfaceDnsSettings. */
export class NetworkDouble {
  readonly #log: Fill;
  readonly #state: Fill;
  readonly #layout: Fill | undefined;
  readonly fail: (functionName: string, error: number, skipped: number) => void;
  /** `families`: 1 is IPv4, 2 is IPv6, 3 both. */
  readonly addInterface: (
    luid: bigint,
    index: number,
    alias: string,
    mtu: number,
    metric: number,
    families: number,
  ) => void;
  readonly changeInterface: (luid: bigint, isUp: boolean, mtu: number) => void;
  readonly removeInterface: (luid: bigint) => void;
  readonly addAddress: (luid: bigint, address: string, length: number) => number;
  readonly addRoute: (
    luid: bigint,
    destination: string,
    length: number,
    nextHop: string,
    metric: number,
  ) => number;
  readonly removeRoute: (
    luid: bigint,
    destination: string,
    length: number,
    nextHop: string,
  ) => number;
  readonly reset: () => void;
  readonly listeners: () => number;
  readonly called: () => number;

  constructor(name: 'iphlpapi-double' | 'iphlpapi-double-1803' = 'iphlpapi-double') {
    replaceSystemLibrary('iphlpapi.dll', pathOf(name));
    const library = koffi().load(pathOf(name));
    this.#log = library.func('uint32_t DoubleTakeLog(void *buffer, uint32_t size)');
    this.#state = library.func('uint32_t DoubleState(void *buffer, uint32_t size)');
    if (name === 'iphlpapi-double')
      this.#layout = library.func('uint32_t DoubleLayout(void *buffer, uint32_t size)');
    this.fail = library.func('void DoubleFail(const char *name, uint32_t error, int skipped)');
    this.addInterface = library.func(
      'void DoubleAddInterface(uint64_t luid, uint32_t index, str16 alias, uint32_t mtu, uint32_t metric, uint32_t families)',
    );
    const change: (luid: bigint, isUp: number, mtu: number) => void = library.func(
      'void DoubleChangeInterface(uint64_t luid, int is_up, uint32_t mtu)',
    );
    this.changeInterface = (luid, isUp, mtu) => change(luid, isUp ? 1 : 0, mtu);
    this.removeInterface = library.func('void DoubleRemoveInterface(uint64_t luid)');
    this.addAddress = library.func(
      'uint32_t DoubleAddAddress(uint64_t luid, const char *address, uint32_t length)',
    );
    this.addRoute = library.func(
      'uint32_t DoubleAddRoute(uint64_t luid, const char *destination, uint32_t length, const char *hop, uint32_t metric)',
    );
    this.removeRoute = library.func(
      'uint32_t DoubleRemoveRoute(uint64_t luid, const char *destination, uint32_t length, const char *hop)',
    );
    this.reset = library.func('void DoubleReset()');
    this.listeners = library.func('uint32_t DoubleListeners()');
    this.called = library.func('uint32_t DoubleCalled()');
  }

  /** All changes since the last time. */
  takeLog(): LoggedCall[] {
    return jsonOf(this.#log) as LoggedCall[];
  }

  state(): NetworkState {
    return jsonOf(this.#state) as NetworkState;
  }

  layout(): Record<string, unknown> {
    if (!this.#layout) throw new Error('it has no layout');
    return jsonOf(this.#layout) as Record<string, unknown>;
  }

  /** `destination/length nextHop` of the routes of one interface that a program has added. */
  routesOf(luid: bigint): string[] {
    return this.state()
      .routes.filter((route) => route.luid === String(luid) && route.protocol === 3)
      .map(({ destination, length, nextHop }) => `${destination}/${length} ${nextHop}`);
  }
}

/** Stands for fwpuclnt.dll from now on. */
export class FirewallDouble {
  readonly #state: Fill;
  readonly #layout: Fill;
  readonly fail: (functionName: string, error: number, skipped: number) => void;
  readonly allocated: () => number;

  constructor() {
    replaceSystemLibrary('fwpuclnt.dll', pathOf('fwpuclnt-double'));
    const library = koffi().load(pathOf('fwpuclnt-double'));
    this.#state = library.func('uint32_t DoubleState(void *buffer, uint32_t size)');
    this.#layout = library.func('uint32_t DoubleLayout(void *buffer, uint32_t size)');
    this.fail = library.func('void DoubleFail(const char *name, uint32_t error, int skipped)');
    this.allocated = library.func('int DoubleAllocated()');
  }

  state(): FirewallState {
    return jsonOf(this.#state) as FirewallState;
  }

  layout(): Record<string, unknown> {
    return jsonOf(this.#layout) as Record<string, unknown>;
  }
}
