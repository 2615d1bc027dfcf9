/** A native data plane on the stand-in for Wintun, and the system behind its adapter. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { loadNativeLibrary } from '../../../native/binding.js';
import { NativeDataPlane, type NativeOptions } from '../../../native/dataplane.js';
import { systemClock } from '../../../system/clock.js';
import type { TunRing } from '../../../tun/tun.js';
import { openWintunRing } from '../../../tun/windows/device.js';
import { openWinsockQueues, type WinsockQueues } from '../../../udp/windows/winsock.js';
import type { SubjectTun } from '../../conformance/suite.js';
import { WintunDouble } from '../support/wintundouble.js';

export const MTU = 1420;
const LOOPBACK = { ipv4Address: '127.0.0.1', ipv6: false };

/** The rest of the machine, as the double has it: a socket of its own for what the plane writes. */
export class System implements SubjectTun {
  readonly received: Uint8Array[] = [];
  closed = false;
  readonly #socket: Socket;
  readonly #double: WintunDouble;
  readonly #adapter: string;

  private constructor(socket: Socket, double: WintunDouble, adapter: string) {
    this.#socket = socket;
    this.#double = double;
    this.#adapter = adapter;
    socket.on('message', (packet) => this.received.push(Uint8Array.from(packet)));
  }

  static async open(double: WintunDouble, adapter: string): Promise<System> {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    socket.setRecvBufferSize(4 * 1024 * 1024);
    double.setPeer(adapter, socket.address().port);
    return new System(socket, double, adapter);
  }

  inject(packet: Uint8Array): void {
    this.#socket.send(packet, this.#double.farPort(this.#adapter), '127.0.0.1');
  }

  close(): void {
    this.closed = true;
    this.#socket.close();
  }
}

export interface Host {
  readonly double: WintunDouble;
  readonly name: string;
  readonly system: System;
  readonly plane: NativeDataPlane;
  readonly udp: WinsockQueues;
  readonly port: number;
  /** Numbers of the errors with which it was reported that the adapter is gone. */
  readonly tunErrors: number[];
  /** How often the session was replaced. */
  restarts(): number;
}

let hosts = 0;

/** `ring` may change what the plane gets. The plane is not started when `isStarted` is false. */
export async function openHost(
  options: Partial<NativeOptions> & {
    readonly ringCapacity?: number;
    readonly ring?: (ring: TunRing) => TunRing;
    readonly isStarted?: boolean;
  } = {},
): Promise<Host> {
  const { ringCapacity, ring = (same) => same, isStarted = true, ...others } = options;
  const double = new WintunDouble();
  const name = `native ${++hosts}`;
  const opened = openWintunRing(name, {
    library: double.path,
    ...(ringCapacity !== undefined && { ringCapacity }),
  });
  const system = await System.open(double, name);
  const open: NativeOptions['open'] = (change) => openWinsockQueues({ ...LOOPBACK, ...change });
  const udp = await openWinsockQueues(LOOPBACK);
  const tunErrors: number[] = [];
  let restarts = 0;
  const plane = new NativeDataPlane({
    library: loadNativeLibrary(),
    tun: ring({
      name,
      luid: opened.luid,
      module: opened.module,
      get session() {
        return opened.session;
      },
      restart() {
        restarts++;
        return opened.restart();
      },
      close() {
        opened.close();
        system.close();
      },
    }),
    udp,
    open,
    mtu: MTU,
    clock: systemClock(),
    logger: { debug() {} },
    onTunError: (code) => tunErrors.push(code),
    ...others,
  });
  if (isStarted) plane.start();
  return { double, name, system, plane, udp, port: udp.port, tunErrors, restarts: () => restarts };
}
