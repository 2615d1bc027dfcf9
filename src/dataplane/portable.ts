import type { AeadProvider } from '../../crypto/aead.js';
import type {
  Action,
  DataPlane,
  DataPlaneEvent,
  PeerId,
  Transfer,
} from '../../protocol/dataplane.js';
import { Transport } from '../../protocol/transport.js';
import type { Clock } from '../../system/clock.js';
import { throwUncaught } from '../../system/uncaught.js';
import type { Tun } from '../../tun/tun.js';
import type { UdpTransport } from '../../udp/transport.js';
import type { Logger } from '../logger.js';

export interface PortableOptions {
  readonly tun: Tun;
  readonly udp: UdpTransport;
  readonly mtu: number;
  readonly aead: AeadProvider;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The TUN device is gone, for example deleted by `ip link del`. */
  readonly onTunError: (error: Error) => void;
}

/** Send errors repeat with every packet: one line of the log for each reason and so many ms. */
const LOG_AGAIN_AFTER = 60_000;

/** The data plane in TypeScript: the readable reference, and the fallback where nothing faster loads. */
export class PortableDataPlane implements DataPlane {
  readonly name = 'portable';
  readonly #options: PortableOptions;
  readonly #transport: Transport;
  readonly #loggedAt = new Map<string, number>();
  #listener: ((batch: readonly DataPlaneEvent[]) => void) | undefined;
  #reporting = false;
  #closed = false;

  #udp: UdpTransport;
  #isStarted = false;

  /** Takes over `tun` and `udp`; nothing is read from them before `start`. */
  constructor(options: PortableOptions) {
    const { tun } = options;
    this.#options = options;
    this.#udp = options.udp;
    this.#transport = new Transport(
      {
        sendDatagram: (datagram, to, trafficClass) =>
          guarded(() => this.#udp.send(datagram, to, trafficClass)),
        writePacket: (packet) => guarded(() => tun.write(packet)),
      },
      options.aead,
      options.mtu,
    );
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
    this.#receive(this.#udp);
  }

  /**
   * Goes on with other sockets; those from before are closed. Throws after the end, and what `start` of
   * the new ones throws; then nothing has changed.
   */
  async replaceUdp(udp: UdpTransport): Promise<void> {
    if (this.#closed) throw new Error('the data plane has ended');
    const before = this.#udp;
    if (this.#isStarted) this.#receive(udp);
    this.#udp = udp;
    await before.close();
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

  /** Of the interface, from now on. */
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
    await this.#udp.close();
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

/** Either device may be the caller's: where it throws one packet is lost, and not those behind it. */
function guarded(hand: () => unknown): void {
  try {
    hand();
  } catch (error) {
    throwUncaught(error);
  }
}
