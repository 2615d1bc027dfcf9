/** The sockets of the native data plane on Windows: node:dgram does not give access to its handles. */

import {
  AF_INET,
  WINDOWS_AF_INET6 as AF_INET6,
  encodeSockaddr,
  SOCKADDR_IN6_SIZE,
} from '../../system/sockaddr.js';
import { systemLibrary } from '../../system/windows/libraries.js';
import {
  noMarks,
  openIpv6,
  openSamePort,
  portInUse,
  SOCKET_BUFFER_BYTES,
  UdpError,
  type UdpOptions,
  type UdpQueues,
} from '../transport.js';

// winsock2.h, ws2ipdef.h, ws2def.h
const SOCK_DGRAM = 2;
const IPPROTO_IP = 0;
const IPPROTO_UDP = 17;
const IPPROTO_IPV6 = 41;
const SOL_SOCKET = 0xffff;
const SO_EXCLUSIVEADDRUSE = ~4;
const SO_SNDBUF = 0x1001;
const SO_RCVBUF = 0x1002;
const IPV6_V6ONLY = 27;
const IP_UNICAST_IF = 31;
const IPV6_UNICAST_IF = 31;
const FIONBIO = 0x8004667e | 0;
const INVALID_SOCKET = 0xffff_ffff_ffff_ffffn;

const WSAEACCES = 10013;
const WSAEADDRINUSE = 10048;
/** Errors that are shown by name; any other is shown by its number. */
const REASONS: Readonly<Record<number, string>> = {
  10013: 'EACCES',
  10024: 'EMFILE',
  10047: 'EAFNOSUPPORT',
  10048: 'EADDRINUSE',
  10049: 'EADDRNOTAVAIL',
  10050: 'ENETDOWN',
  10051: 'ENETUNREACH',
  10055: 'ENOBUFS',
};

/** While a busy thread is away, more arrives than it ever sends at once. */
const RECEIVE_BUFFER_BYTES = 10 * 1024 * 1024;

interface Winsock {
  startup(version: number, data: Uint8Array): number;
  socket(family: number, type: number, protocol: number): number | bigint;
  bind(socket: number, address: Uint8Array, length: number): number;
  getsockname(socket: number, address: Uint8Array, length: Uint8Array): number;
  setsockopt(
    socket: number,
    level: number,
    name: number,
    value: Uint8Array,
    length: number,
  ): number;
  ioctlsocket(socket: number, command: number, argument: Uint8Array): number;
  closesocket(socket: number): number;
  lastError(): number;
}

const SIGNATURES: Readonly<Record<keyof Winsock, string>> = {
  startup: 'int __stdcall WSAStartup(uint16_t version, void *data)',
  socket: 'uint64_t __stdcall socket(int family, int type, int protocol)',
  bind: 'int __stdcall bind(uint64_t socket, void *address, int length)',
  getsockname: 'int __stdcall getsockname(uint64_t socket, void *address, void *length)',
  setsockopt:
    'int __stdcall setsockopt(uint64_t socket, int level, int name, void *value, int length)',
  ioctlsocket: 'int __stdcall ioctlsocket(uint64_t socket, int32_t command, void *argument)',
  closesocket: 'int __stdcall closesocket(uint64_t socket)',
  lastError: 'int __stdcall WSAGetLastError()',
};

let bound: Winsock | undefined;

function winsock(): Winsock {
  if (bound) return bound;
  const library = systemLibrary('ws2_32.dll');
  const functions = Object.entries(SIGNATURES).map(([name, c]) => [name, library.func(c)]);
  bound = Object.fromEntries(functions) as Winsock;
  // Node.js has called it too; the starts are counted.
  bound.startup(0x0202, new Uint8Array(512));
  return bound;
}

/** Sockets as Winsock handles. */
export interface WinsockQueues extends UdpQueues {
  /** Like `bindInterface` of UdpQueues; undefined: follow the routes. */
  bindInterface(family: 4 | 6, index: number | undefined): void;
}

/**
 * Opens a socket of each family on one port that no other program can listen on. Throws UdpError
 * ERR_PORT_IN_USE, ERR_MARK or ERR_SOCKET.
 */
export async function openWinsockQueues(options: UdpOptions): Promise<WinsockQueues> {
  if (options.mark) throw noMarks();
  const [v4, v6] = await openSamePort(
    options.port ?? 0,
    async (port) => listen(AF_INET, options.ipv4Address ?? '0.0.0.0', port),
    (port) => openIpv6(options, (address) => listen(AF_INET6, address, port)),
    ({ socket }) => winsock().closesocket(socket),
  );
  const sockets = v6 ? [v4.socket, v6.socket] : [v4.socket];
  return {
    port: v4.port,
    v4: [v4.socket],
    v6: v6 ? [v6.socket] : [],
    bindInterface(family, index = 0) {
      if (sockets.length === 0) return;
      if (family === 4) bindToInterface(v4.socket, 4, index);
      else if (v6) bindToInterface(v6.socket, 6, index);
    },
    setMark(mark) {
      if (mark !== 0) throw noMarks();
    },
    async close() {
      for (const socket of sockets.splice(0)) winsock().closesocket(socket);
    },
  };
}

/** Encodes the value of IP_UNICAST_IF or IPV6_UNICAST_IF: the former needs network byte order. */
export function encodeInterfaceIndex(family: 4 | 6, index: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, index, family === 6);
  return bytes;
}

function bindToInterface(socket: number, family: 4 | 6, index: number): void {
  const [level, name] =
    family === 4 ? [IPPROTO_IP, IP_UNICAST_IF] : [IPPROTO_IPV6, IPV6_UNICAST_IF];
  const value = encodeInterfaceIndex(family, index);
  if (winsock().setsockopt(socket, level, name, value, value.length) === 0) return;
  throw socketError(`cannot bind a UDP socket to interface ${index}`, winsock().lastError());
}

/**
 * Returns a struct sockaddr_in or sockaddr_in6; undefined when the text is not an address of the
 * family.
 */
export function encodeWindowsSockaddr(
  family: number,
  address: string,
  port: number,
): Uint8Array | undefined {
  const bytes = encodeSockaddr(address, port, AF_INET6);
  return bytes?.[0] === family ? bytes : undefined;
}

interface Listening {
  readonly socket: number;
  readonly port: number;
}

function listen(family: number, address: string, port: number): Listening {
  const sockaddr = encodeWindowsSockaddr(family, address, port);
  if (!sockaddr) throw new UdpError('ERR_SOCKET', `${address} is not an address to listen on`);
  const { bind, closesocket, lastError } = winsock();
  const socket = newSocket(family);
  try {
    if (bind(socket, sockaddr, sockaddr.length) !== 0) {
      const error = lastError();
      // In use by a program that does not share it, or reserved by Windows.
      if (error === WSAEADDRINUSE || error === WSAEACCES) throw portInUse(port);
      throw socketError('cannot open a UDP socket', error);
    }
    return { socket, port: portOf(socket) };
  } catch (error) {
    closesocket(socket);
    throw error;
  }
}

function newSocket(family: number): number {
  const { socket: open, ioctlsocket, closesocket, lastError } = winsock();
  const opened = BigInt(open(family, SOCK_DGRAM, IPPROTO_UDP));
  if (opened === INVALID_SOCKET) throw socketError('cannot open a UDP socket', lastError());
  // Only 32 bits of a Windows handle are used.
  const socket = Number(opened);
  if (family === AF_INET6) setOption(socket, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  setOption(socket, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1);
  setOption(socket, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER_BYTES);
  setOption(socket, SOL_SOCKET, SO_SNDBUF, SOCKET_BUFFER_BYTES);
  if (ioctlsocket(socket, FIONBIO, new Uint8Array([1, 0, 0, 0])) === 0) return socket;
  const error = lastError();
  closesocket(socket);
  throw socketError('cannot make a UDP socket non-blocking', error);
}

function setOption(socket: number, level: number, name: number, value: number): void {
  const bytes = new Uint8Array(new Uint32Array([value]).buffer);
  winsock().setsockopt(socket, level, name, bytes, bytes.length);
}

function portOf(socket: number): number {
  const { getsockname, lastError } = winsock();
  const name = new Uint8Array(SOCKADDR_IN6_SIZE);
  const length = new Uint8Array(new Uint32Array([name.length]).buffer);
  if (getsockname(socket, name, length) !== 0)
    throw socketError('cannot read the port of a UDP socket', lastError());
  return new DataView(name.buffer).getUint16(2);
}

function socketError(what: string, error: number): UdpError {
  const reason = REASONS[error] ?? `Winsock error ${error}`;
  return new UdpError('ERR_SOCKET', `${what}: ${reason}`, reason);
}
