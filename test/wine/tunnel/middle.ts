import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';

const LOOPBACK = '127.0.0.1';
const BUFFER_BYTES = 4 * 1024 * 1024;

async function open(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, LOOPBACK);
  await once(socket, 'listening');
  socket.setRecvBufferSize(BUFFER_BYTES);
  socket.setSendBufferSize(BUFFER_BYTES);
  return socket;
}

/**
 * Stands between a client and a server like a router that translates addresses: either side can be
 * made to see the other one at another address from one datagram to the next.
 */
export class Middle {
  #server: number;
  #client: RemoteInfo | undefined;
  #facingClient!: Socket;
  #facingServer!: Socket;
  readonly #all: Socket[] = [];

  private constructor(server: number) {
    this.#server = server;
  }

  static async open(serverPort: number): Promise<Middle> {
    const middle = new Middle(serverPort);
    await middle.moveServer();
    await middle.moveClient();
    return middle;
  }

  /** What a client has as Endpoint at first. */
  get port(): number {
    return this.#facingClient.address().port;
  }

  /** Where the server sees the client. */
  get clientSeenAt(): number {
    return this.#facingServer.address().port;
  }

  /** From now on the client hears the server from another port. */
  async moveServer(): Promise<void> {
    const socket = await this.#add();
    socket.on('message', (datagram, from) => {
      this.#client = from;
      this.#facingServer.send(datagram, this.#server, LOOPBACK);
    });
    this.#facingClient = socket;
  }

  /** From now on the server hears the client from another port. */
  async moveClient(): Promise<void> {
    const socket = await this.#add();
    socket.on('message', (datagram) => {
      if (this.#client) this.#facingClient.send(datagram, this.#client.port, LOOPBACK);
    });
    this.#facingServer = socket;
  }

  close(): void {
    for (const socket of this.#all) socket.close();
  }

  async #add(): Promise<Socket> {
    const socket = await open();
    this.#all.push(socket);
    return socket;
  }
}
