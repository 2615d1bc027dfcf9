/** The peer of a data plane under test, and its keys. */
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { defaultProviders } from '../../crypto/providers.js';
import { Secret } from '../../crypto/secret.js';
import type { Millis } from '../../protocol/dataplane.js';
import { type IpPrefix, parsePrefix } from '../../protocol/ip.js';
import { Transport } from '../../protocol/transport.js';
import { waitFor } from '../support/waiting.js';

export const LOCAL_INDEX = 0x81020304;
export const REMOTE_INDEX = 0x91020304;

/** Where the data plane listens on 127.0.0.1. */
export interface Target {
  readonly port: number;
  readonly mtu: number;
}

export interface KeypairOptions {
  readonly localIndex?: number;
  readonly isInitiator?: boolean;
  readonly createdAt?: Millis;
  readonly sendCounter?: bigint;
}

/** The other end of a data plane under test: a socket, and a Transport that seals for and opens from the plane. */
export class Remote {
  readonly seen: Buffer[] = [];
  /** The ports that they came from. */
  readonly sources: number[] = [];
  readonly sent: Buffer[] = [];
  readonly packets: Uint8Array[] = [];
  readonly #socket: Socket;
  readonly #subject: Target;
  readonly #transport: Transport;

  private constructor(socket: Socket, subject: Target) {
    this.#socket = socket;
    this.#subject = subject;
    this.#transport = new Transport(
      {
        sendDatagram: (datagram, to) => {
          // A socket's send may read the bytes later, when the transport has reused them.
          const copy = Buffer.from(datagram);
          this.sent.push(copy);
          this.#socket.send(copy, to.port, to.address);
        },
        writePacket: (packet) => this.packets.push(Uint8Array.from(packet)),
      },
      defaultProviders().aead,
      subject.mtu,
    );
    this.#transport.apply(0, {
      type: 'setPeer',
      peer: 1,
      endpoint: { address: '127.0.0.1', port: subject.port },
      allowedIps: { replace: true, add: prefixes('0.0.0.0/0', '::/0'), remove: [] },
    });
    socket.on('message', (datagram, { address, port }) => {
      this.seen.push(datagram);
      this.sources.push(port);
      this.#transport.handleDatagram(0, datagram, { address, port });
    });
  }

  static async open(subject: Target): Promise<Remote> {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new Remote(socket, subject);
  }

  get endpoint(): { address: string; port: number } {
    return { address: '127.0.0.1', port: (this.#socket.address() as AddressInfo).port };
  }

  /** New keys for both; returns the plane's. */
  install(options: KeypairOptions): { sendKey: Secret; receiveKey: Secret } {
    const [up, down] = [randomBytes(32), randomBytes(32)];
    this.#transport.apply(0, {
      type: 'installKeypair',
      peer: 1,
      keypair: {
        localIndex: REMOTE_INDEX,
        remoteIndex: options.localIndex ?? LOCAL_INDEX,
        sendKey: Secret.copyOf(down),
        receiveKey: Secret.copyOf(up),
        isInitiator: true,
        createdAt: 0,
      },
    });
    return { sendKey: Secret.copyOf(up), receiveKey: Secret.copyOf(down) };
  }

  sealAndSend(packet: Uint8Array): void {
    this.#transport.handlePacket(0, packet);
  }

  sendKeepalive(): void {
    this.#transport.apply(0, { type: 'sendKeepalive', peer: 1 });
  }

  send(datagram: Uint8Array): void {
    this.#socket.send(datagram, this.#subject.port, '127.0.0.1');
  }

  async datagrams(count: number): Promise<void> {
    await waitFor(() => {
      if (this.seen.length < count) throw new Error(`${this.seen.length} of ${count} datagrams`);
    });
  }

  close(): void {
    this.#transport.close();
    this.#socket.close();
  }
}

export function prefixes(...texts: readonly string[]): IpPrefix[] {
  return texts.map((text) => {
    const prefix = parsePrefix(text);
    if (!prefix) throw new Error(`not a network: ${text}`);
    return prefix;
  });
}
