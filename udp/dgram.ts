import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIP } from 'node:net';
import type { Endpoint } from '../protocol/dataplane.js';
import {
  noMarks,
  openIpv6,
  openSamePort,
  portInUse,
  SOCKET_BUFFER_BYTES,
  sendFailed,
  UdpError,
  type UdpHandlers,
  type UdpOptions,
  type UdpSockets,
} from './transport.js';

type LookupCallback = (
  error: NodeJS.ErrnoException | null,
  address: string,
  family: number,
) => void;

interface Bound {
  readonly socket: Socket;
  readonly port: number;
}

/** The portable transport. Throws UdpError ERR_PORT_IN_USE, ERR_MARK or ERR_SOCKET. */
export async function openDgramUdp(options: UdpOptions = {}): Promise<UdpSockets> {
  if (options.mark) throw noMarks();
  const [v4, v6] = await openSamePort(
    options.port ?? 0,
    (port) => open(4, port, options.ipv4Address ?? '0.0.0.0'),
    (port) => openIpv6(options, (address) => open(6, port, address)),
    ({ socket }) => socket.close(),
  );
  return new DgramUdp(v4, v6?.socket);
}

function open(family: 4 | 6, port: number, address: string): Promise<Bound> {
  const socket = createSocket({
    type: family === 4 ? 'udp4' : 'udp6',
    ipv6Only: family === 6,
    lookup: literalAddress,
  });
  return new Promise((resolve, reject) => {
    socket.once('error', (error: NodeJS.ErrnoException) => {
      socket.close();
      reject(
        error.code === 'EADDRINUSE'
          ? portInUse(port)
          : new UdpError('ERR_SOCKET', `cannot open a UDP socket: ${error.code}`, error.code),
      );
    });
    // Exclusive: workers of a cluster must not share the port.
    socket.bind({ port, address, exclusive: true }, () => {
      socket.removeAllListeners('error');
      enlargeBuffers(socket);
      resolve({ socket, port: socket.address().port });
    });
  });
}

function enlargeBuffers(socket: Socket): void {
  try {
    socket.setRecvBufferSize(SOCKET_BUFFER_BYTES);
    socket.setSendBufferSize(SOCKET_BUFFER_BYTES);
  } catch {
    // The system's own sizes work too.
  }
}

/** All addresses are literal: without this every datagram would wait for getaddrinfo in a thread. */
function literalAddress(hostname: string, _options: unknown, callback: LookupCallback): void {
  const family = isIP(hostname);
  if (family !== 0) callback(null, hostname, family);
  else
    callback(
      Object.assign(new Error('not an IP address'), { code: 'ENOTFOUND' }),
      hostname,
      family,
    );
}

class DgramUdp implements UdpSockets {
  readonly implementation = 'dgram';
  readonly port: number;
  readonly counters = { sendErrors: 0, receiveErrors: 0 };
  readonly #v4: Socket;
  readonly #v6: Socket | undefined;
  #handlers: UdpHandlers | undefined;
  #lastSource: Endpoint = { address: '', port: 0 };
  #closed: Promise<void> | undefined;

  constructor(v4: Bound, v6: Socket | undefined) {
    this.port = v4.port;
    this.#v4 = v4.socket;
    this.#v6 = v6;
    // Without a listener, an error of the socket would end the process.
    for (const socket of this.#sockets())
      socket.on('error', () => {
        this.counters.receiveErrors++;
      });
  }

  get hasIpv6(): boolean {
    return this.#v6 !== undefined;
  }

  start(handlers: UdpHandlers): void {
    if (this.#handlers) throw new Error('this transport has already been started');
    this.#handlers = handlers;
    for (const socket of this.#sockets())
      socket.on('message', (bytes, source) => {
        if (this.#closed !== undefined) return;
        handlers.onDatagram(bytes, this.#endpoint(source));
        handlers.onBatchEnd?.();
      });
  }

  send(datagram: Uint8Array, to: Endpoint): void {
    if (this.#closed !== undefined) return;
    const socket = to.address.includes(':') ? this.#v6 : this.#v4;
    if (!socket) {
      this.#failed(to, 'EAFNOSUPPORT');
      return;
    }
    const failed = (error: Error): void =>
      this.#failed(to, (error as NodeJS.ErrnoException).code ?? error.message);
    try {
      // A copy: the socket keeps datagrams that the system does not take at once.
      socket.send(Buffer.from(datagram), to.port, to.address, (error) => {
        if (error) failed(error);
      });
    } catch (error) {
      failed(error as Error);
    }
  }

  setMark(mark: number): void {
    if (mark !== 0) throw noMarks();
  }

  unref(): void {
    for (const socket of this.#sockets()) socket.unref();
  }

  close(): Promise<void> {
    this.#closed ??= Promise.all(
      this.#sockets().map((socket) => new Promise<void>((done) => socket.close(() => done()))),
    ).then(() => undefined);
    return this.#closed;
  }

  #sockets(): Socket[] {
    return this.#v6 ? [this.#v4, this.#v6] : [this.#v4];
  }

  #endpoint({ address, port }: RemoteInfo): Endpoint {
    const last = this.#lastSource;
    if (last.port === port && last.address === address) return last;
    this.#lastSource = { address, port };
    return this.#lastSource;
  }

  #failed(to: Endpoint, reason: string): void {
    this.counters.sendErrors++;
    this.#handlers?.onSendError?.(sendFailed(to, reason), to);
  }
}
