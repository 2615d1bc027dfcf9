/** The stand-in for wintun.dll (test/wine/doubles/wintun), and what tests make it do. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { join } from 'node:path';
import { koffi } from '../../../system/windows/libraries.js';

const COUNTERS = [
  'sentPackets',
  'sentBytes',
  'putPackets',
  'putDropped',
  'receivedPackets',
  'releasedPackets',
  'sendFull',
  'signals',
] as const;

export type DoubleCounters = Readonly<Record<(typeof COUNTERS)[number], number>>;

/** Of a double that was compiled before the tests. */
export function doublePath(name: string): string {
  const folder = process.env['WG_TS_WINE_FOLDER'];
  if (folder === undefined) throw new Error('this is for tests under Wine');
  return join(folder, 'doubles', `${name}.dll`);
}

export class WintunDouble {
  readonly path: string;
  readonly fail: (functionName: string, code: number) => void;
  readonly calls: (functionName: string) => number;
  readonly pause: (adapter: string, isPaused: number) => void;
  readonly corrupt: (adapter: string) => void;
  readonly tear: (adapter: string) => void;
  readonly missSignals: (adapter: string, count: number) => void;
  readonly sink: (adapter: string) => void;
  readonly setPeer: (adapter: string, port: number) => void;
  readonly farPort: (adapter: string) => number;
  readonly ringBytes: (adapter: string) => number;
  readonly unloadDriver: () => void;
  /** Each message from a thread of its own; `logged` counts those that are done with it. */
  readonly log: (count: number) => void;
  readonly logged: () => number;
  readonly #flood: (adapter: string, packet: Uint8Array | null, size: number) => void;
  readonly #counters: (adapter: string, out: Uint8Array) => void;
  readonly #guid: (adapter: string, out: Uint8Array) => void;

  constructor(path: string = doublePath('wintun')) {
    this.path = path;
    const library = koffi().load(path);
    this.fail = library.func('void __stdcall DoubleFail(const char *name, uint32_t code)');
    this.calls = library.func('uint64_t __stdcall DoubleCalls(const char *name)');
    this.pause = library.func('void __stdcall DoublePause(const char16_t *name, uint32_t paused)');
    this.corrupt = library.func('void __stdcall DoubleCorrupt(const char16_t *name)');
    this.tear = library.func('void __stdcall DoubleTear(const char16_t *name)');
    this.missSignals = library.func(
      'void __stdcall DoubleMissSignals(const char16_t *name, uint32_t count)',
    );
    this.sink = library.func('void __stdcall DoubleSink(const char16_t *name)');
    this.setPeer = library.func(
      'void __stdcall DoubleSetPeer(const char16_t *name, uint32_t port)',
    );
    this.farPort = library.func('uint32_t __stdcall DoubleFarPort(const char16_t *name)');
    this.ringBytes = library.func('uint64_t __stdcall DoubleRingBytes(const char16_t *name)');
    this.unloadDriver = library.func('void __stdcall DoubleUnloadDriver()');
    this.log = library.func('void __stdcall DoubleLog(uint32_t count)');
    this.logged = library.func('uint32_t __stdcall DoubleLogged()');
    this.#flood = library.func(
      'void __stdcall DoubleFlood(const char16_t *name, void *packet, uint32_t size)',
    );
    this.#counters = library.func('void __stdcall DoubleCounters(const char16_t *name, void *out)');
    this.#guid = library.func('void __stdcall DoubleGuid(const char16_t *name, void *out)');
  }

  /** Until `null`: the receive ring never runs empty. */
  flood(adapter: string, packet: Uint8Array | null): void {
    this.#flood(adapter, packet, packet?.length ?? 0);
  }

  counters(adapter: string): DoubleCounters {
    const values = new BigUint64Array(COUNTERS.length);
    this.#counters(adapter, new Uint8Array(values.buffer));
    const pairs = COUNTERS.map((name, i) => [name, Number(values[i])]);
    return Object.fromEntries(pairs) as DoubleCounters;
  }

  guid(adapter: string): Uint8Array {
    const guid = new Uint8Array(16);
    this.#guid(adapter, guid);
    return guid;
  }
}

/** What stands behind an adapter of the double: the rest of the machine. */
export class FarEnd {
  readonly received: Buffer[] = [];
  readonly #socket: Socket;
  readonly #double: WintunDouble;
  readonly #adapter: string;

  private constructor(socket: Socket, double: WintunDouble, adapter: string) {
    this.#socket = socket;
    this.#double = double;
    this.#adapter = adapter;
    socket.on('message', (packet) => this.received.push(packet));
  }

  static async open(double: WintunDouble, adapter: string): Promise<FarEnd> {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    socket.setRecvBufferSize(4 * 1024 * 1024);
    double.setPeer(adapter, socket.address().port);
    return new FarEnd(socket, double, adapter);
  }

  /** The system sends a packet into the adapter. */
  inject(packet: Uint8Array): void {
    this.#socket.send(packet, this.#double.farPort(this.#adapter), '127.0.0.1');
  }

  close(): void {
    this.#socket.close();
  }
}
