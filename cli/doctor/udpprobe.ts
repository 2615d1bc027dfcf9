import { createSocket, type Socket } from 'node:dgram';
import { closeSync } from 'node:fs';
import { libc } from '../../system/linux/libc.js';
import { AF_INET, AF_INET6, encodeSockaddr } from '../../system/sockaddr.js';
import { isIpv6 } from './prefixes.js';

const SOCK_DGRAM_NONBLOCK_CLOEXEC = 2 | 0o4000 | 0o2000000;
const SOL_SOCKET = 1;
const SO_MARK = 36;
/** How long a host has to report that nothing listens. */
const PATIENCE_MS = 1000;
const TRIES = 2;
/** Not a message type of WireGuard, so a peer drops it. */
const NOTHING = Uint8Array.of(0);

/**
 * Resolves to the network's error for a datagram to this endpoint: a code such as ECONNREFUSED for "port
 * unreachable". Undefined when there is no error, whether WireGuard listens there or a firewall drops the
 * datagram. With a mark it takes the route of a tunnel's own packets; the result is undefined if this
 * process may not set one.
 */
export async function udpErrorOf(
  { address, port }: { readonly address: string; readonly port: number },
  fwMark: number,
): Promise<string | undefined> {
  let socket: Socket | undefined;
  try {
    socket = await openSocket(address, fwMark);
    if (!socket) return undefined;
    return await firstError(socket, address, port);
  } catch (error) {
    return codeOf(error);
  } finally {
    socket?.close();
  }
}

async function openSocket(address: string, fwMark: number): Promise<Socket | undefined> {
  const socket = createSocket(isIpv6(address) ? 'udp6' : 'udp4');
  if (fwMark === 0) return socket;
  const fd = markedSocket(isIpv6(address), fwMark);
  if (fd === undefined) {
    socket.close();
    return undefined;
  }
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ fd }, () => resolve());
  });
  return socket;
}

/** node:dgram cannot set a mark, but takes a socket that has one. */
function markedSocket(isV6: boolean, fwMark: number): number | undefined {
  if (process.platform !== 'linux') return undefined;
  const { socket, setsockopt, bind } = libc();
  const fd = socket(isV6 ? AF_INET6 : AF_INET, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0);
  if (fd < 0) return undefined;
  const mark = new Uint8Array(new Uint32Array([fwMark]).buffer);
  const any = encodeSockaddr(isV6 ? '::' : '0.0.0.0', 0);
  const isMarked = setsockopt(fd, SOL_SOCKET, SO_MARK, mark, mark.length) === 0;
  if (isMarked && any && bind(fd, any, any.length) === 0) return fd;
  closeSync(fd);
  return undefined;
}

function firstError(socket: Socket, address: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    let tries = 0;
    let timer: NodeJS.Timeout | undefined;
    const settle = (code: string | undefined): void => {
      clearTimeout(timer);
      resolve(code);
    };
    socket.on('error', (error) => settle(codeOf(error)));
    const send = (): void => {
      if (tries++ === TRIES) {
        settle(undefined);
        return;
      }
      // An error for the first datagram may be reported only at the second.
      socket.send(NOTHING, (error) => {
        if (error) settle(codeOf(error));
      });
      timer = setTimeout(send, PATIENCE_MS / TRIES);
    };
    socket.connect(port, address, (error?: Error) => {
      if (error) settle(codeOf(error));
      else send();
    });
  });
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
