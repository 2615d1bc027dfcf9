/**
 * Sockets to one address that carry a firewall mark from their first packet on, so that policy routing
 * sends them past the tunnel. Node's own sockets cannot be marked before they are connected.
 */
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import type { Endpoint } from '../../protocol/dataplane.js';
import { ofThisThread, readMessages } from '../../system/linux/descriptor.js';
import { Errno, libc } from '../../system/linux/libc.js';
import {
  AF_INET,
  AF_INET6,
  addressWithoutZone,
  encodeSockaddr,
  SOCKADDR_IN6_SIZE,
} from '../../system/sockaddr.js';
import { UdpError } from '../transport.js';
import { markSocket } from './bind.js';

// asm-generic: x86-64, arm64, riscv64
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;

export interface ConnectedUdp {
  send(datagram: Uint8Array): void;
  /** Idempotent. */
  close(): void;
}

export interface ConnectedUdpHandlers {
  /** Called with a datagram of the address that the socket is connected to; valid during the call. */
  onDatagram(datagram: Uint8Array): void;
  /** The address cannot be reached, or refuses datagrams. */
  onError(reason: string): void;
}

/**
 * Opens a socket on a port that the system chooses at random. It receives nothing but datagrams of `to`,
 * and does not keep the process alive. A mark of 0 is none. Throws UdpError ERR_MARK or ERR_SOCKET.
 */
export function connectUdp(
  to: Endpoint,
  mark: number,
  { onDatagram, onError }: ConnectedUdpHandlers,
): ConnectedUdp {
  const fd = ofThisThread(openConnected(SOCK_DGRAM, to, mark));
  let isOpen = true;
  const reading = readMessages(fd, {
    onMessage: onDatagram,
    onError(errno) {
      onError(getSystemErrorName(-errno));
      return false;
    },
  });
  return {
    send(datagram) {
      if (!isOpen || libc().write(fd, datagram, datagram.length) >= 0) return;
      onError(getSystemErrorName(-libc().errno()));
    },
    close() {
      if (!isOpen) return;
      isOpen = false;
      reading.close();
      closeSync(fd);
    },
  };
}

/**
 * Opens a stream that is being connected. It does not keep the process alive. A mark of 0 is none.
 * Throws UdpError ERR_MARK or ERR_SOCKET; later failures are the stream's `error`.
 */
export function connectTcp(to: Endpoint, mark: number): Socket {
  // Node closes the descriptors of its own streams, also when a worker ends.
  const socket = new Socket({ fd: openConnected(SOCK_STREAM, to, mark) });
  socket.unref();
  return socket;
}

/**
 * Returns the address from which packets with the mark would be sent to `address`; undefined without a
 * route. Nothing is sent.
 */
export function sourceTowards(address: string, mark: number): string | undefined {
  let fd: number;
  try {
    fd = openConnected(SOCK_DGRAM, { address, port: 53 }, mark);
  } catch {
    return undefined;
  }
  try {
    const name = new Uint8Array(SOCKADDR_IN6_SIZE);
    const length = new Uint8Array(new Uint32Array([name.length]).buffer);
    return libc().getsockname(fd, name, length) === 0 ? addressWithoutZone(name) : undefined;
  } finally {
    libc().close(fd);
  }
}

/** The descriptor is non-blocking, and unknown to Node. */
function openConnected(type: number, to: Endpoint, mark: number): number {
  const { socket, connect, close, errno } = libc();
  const sockaddr = encodeSockaddr(to.address, to.port);
  if (!sockaddr) throw new UdpError('ERR_SOCKET', `${to.address} cannot be reached`);
  const family = sockaddr[0] === AF_INET ? AF_INET : AF_INET6;
  const fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw failed(to);
  try {
    if (mark !== 0) markSocket(fd, mark);
    if (connect(fd, sockaddr, sockaddr.length) !== 0 && errno() !== Errno.EINPROGRESS)
      throw failed(to);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

function failed({ address }: Endpoint): UdpError {
  const reason = getSystemErrorName(-libc().errno());
  return new UdpError('ERR_SOCKET', `cannot connect to ${address}: ${reason}`, reason);
}
