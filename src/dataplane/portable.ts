import type { AeadProvider } from '../../crypto/aead.js';
import type {
  Action,
  DataPlaneEvent,
  PeerId,
  RunningPlane,
  Transfer,
} from '../../protocol/dataplane.js';
import { Transport } from '../../protocol/transport.js';
import type { Clock } from '../../system/clock.js';
import { throwUncaught } from '../../system/uncaught.js';
import type { Tun } from '../../tun/tun.js';
import {
  type OpenSockets,
  type PlaneSockets,
  ReplaceableSockets,
  type UdpTransport,
} from '../../udp/transport.js';
import type { Logger } from '../logger.js';

/** The system's sockets, or the transport of the program. */
export type PortableSockets = PlaneSockets & UdpTransport;

export interface PortableOptions {
  readonly tun: Tun;
  readonly udp: PortableSockets;
  readonly open: OpenSockets<PortableSockets>;
  readonly mtu: number;
  readonly aead: AeadProvider;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called when the TUN device is gone, for example deleted by `ip link del`. */
  readonly onTunError: (error: Error) => void;
}

/** Send errors repeat with every packet: each reason is logged once per this many ms. */
const LOG_AGAIN_AFTER = 60_000;

/**
 * The data plane in TypeScript: the readable reference, and the fallback where the native one cannot
 * run.
 */
export class PortableDataPlane implements RunningPlane {
  readonly name = 'portable';
  readonly #options: PortableOptions;
  readonly #transport: Transport;
  readonly #loggedAt = new Map<string, number>();
  readonly #udp: ReplaceableSockets<PortableSockets>;
  #listener: ((batch: readonly DataPlaneEvent[]) => void) | undefined;
  #reporting = false;
  #isStarted = false;
  #closed = false;

  /** Takes ownership of `tun` and `udp`; nothing is read from them before `start`. */
  constructor(options: PortableOptions) {
    const { tun } = options;
    this.#options = options;
    this.#udp = new ReplaceableSockets(options.udp, options.open);
    this.#transport = new Transport(
      {
        sendDatagram: (datagram, to, trafficClass) =>
          guarded(() => this.#udp.current.send(datagram, to, trafficClass)),
        writePacket: (packet) => guarded(() => tun.write(packet)),
      },
      options.aead,
      options.mtu,
    );
  }

  get port(): number {
    return this.#udp.current.port;
  }

  start(): void {
    const { tun, clock } = this.#options;
    this.#isStarted = true;
    tun.start((packets) => {
      const now = clock.now();
      for (const packet of packets) this.#transport.handlePacket(now, packet);
      this.#report();
    }, this.#options.onTunError);
    tun.unref?.();
    this.#receive(this.#udp.current);
  }

  listen(port: number): Promise<number> {
    return this.#udp.listen(port, (next) => {
      if (this.#closed) throw new Error('the data plane has ended');
      if (this.#isStarted) this.#receive(next);
    });
  }

  setMark(mark: number): void {
    this.#udp.setMark(mark);
  }

  #receive(udp: UdpTransport): void {
    const { clock } = this.#options;
    udp.unref?.();
    udp.start({
      onDatagram: (datagram, from) => this.#transport.handleDatagram(clock.now(), datagram, from),
      onBatchEnd: () => this.#report(),
      onSendError: (error) => this.#logSendError(error.message),
    });
  }

  apply(action: Action): void {
    this.#transport.apply(this.#options.clock.now(), action);
    if (this.#reporting || this.#closed) return;
    this.#reporting = true;
    queueMicrotask(() => {
      this.#reporting = false;
      this.#report();
    });
  }

  setMtu(mtu: number): void {
    this.#transport.setMtu(mtu);
  }

  onEvents(listener: (batch: readonly DataPlaneEvent[]) => void): void {
    this.#listener = listener;
  }

  transfer(peer: PeerId): Transfer {
    return this.#transport.transfer(peer);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#transport.close();
    this.#options.tun.close();
    await this.#udp.current.close();
  }

  #report(): void {
    const events = this.#transport.takeEvents();
    if (events.length > 0 && !this.#closed) this.#listener?.(events);
  }

  #logSendError(message: string): void {
    const now = this.#options.clock.now();
    const loggedAt = this.#loggedAt.get(message);
    if (loggedAt !== undefined && now - loggedAt < LOG_AGAIN_AFTER) return;
    if (this.#loggedAt.size >= 100) this.#loggedAt.clear();
    this.#loggedAt.set(message, now);
    this.#options.logger.debug(message);
  }
}

/** Either device may be the caller's: when it throws, one packet is lost, but not those behind it. */
function guarded(hand: () => unknown): void {
  try {
    hand();
  } catch (error) {
    throwUncaught(error);
  }
}
