/** UDP ports over IPv4, on every address of this machine. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** Returns a port that is free at the moment. */
export async function freePort(): Promise<number> {
  const socket = await holdPort();
  const { port } = socket.address();
  socket.close();
  return port;
}

/** Throws when the port is taken. */
export async function takePort(port: number): Promise<void> {
  (await holdPort(port)).close();
}

/** Takes a port, by default a free one, until the socket is closed. Throws when it is taken. */
export async function holdPort(port = 0): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind({ port, address: '0.0.0.0', exclusive: true });
  await once(socket, 'listening');
  return socket;
}
