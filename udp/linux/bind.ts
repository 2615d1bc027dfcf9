/** Sockets bound for UDP by Linux's own calls: node:dgram does not give access to its descriptors. */
import { closeSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import { ofThisThread } from '../../system/linux/descriptor.js';
import { Errno, libc } from '../../system/linux/libc.js';
import { AF_INET, AF_INET6, encodeSockaddr, SOCKADDR_IN6_SIZE } from '../../system/sockaddr.js';
import {
  openIpv6,
  openSamePort,
  portInUse,
  SOCKET_BUFFER_BYTES,
  UdpError,
  type UdpOptions,
} from '../transport.js';
import { SOL_UDP, UDP_GRO } from './messages.js';

// asm-generic: x86-64, arm64, riscv64
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SO_REUSEPORT = 15;
const SO_MARK = 36;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const IPPROTO_IP = 0;
const IP_PKTINFO = 8;
const IPV6_RECVPKTINFO = 49;

export interface Bound {
  readonly fd: number;
  readonly port: number;
}

/** Throws UdpError ERR_PORT_IN_USE or ERR_SOCKET. */
export function bindBoth(options: UdpOptions): Promise<[Bound, Bound | undefined]> {
  const { ipv4Address = '0.0.0.0' } = options;
  return openSamePort(
    options.port ?? 0,
    async (port) => bindSocket(AF_INET, ipv4Address, port),
    (port) => openIpv6(options, (address) => bindSocket(AF_INET6, address, port)),
    ({ fd }) => closeSync(fd),
  );
}

/** `isShared`: other sockets of this program listen on the port too. Throws as `bindBoth`. */
export function bindSocket(family: number, address: string, port: number, isShared = false): Bound {
  const { socket, bind } = libc();
  const opened = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (opened < 0) throw socketError();
  const fd = ofThisThread(opened);
  try {
    if (family === AF_INET6) setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (isShared) sharePort(fd);
    setBuffer(fd, SO_RCVBUFFORCE, SO_RCVBUF);
    setBuffer(fd, SO_SNDBUFFORCE, SO_SNDBUF);
    if (family === AF_INET6) setOption(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    else setOption(fd, IPPROTO_IP, IP_PKTINFO, 1);
    setOption(fd, SOL_UDP, UDP_GRO, 1); // Refused before Linux 5.0, and not needed.
    const sockaddr = encodeSockaddr(address, port);
    if (!sockaddr) throw new UdpError('ERR_SOCKET', `${address} is not an address to listen on`);
    if (bind(fd, sockaddr, sockaddr.length) !== 0)
      throw libc().errno() === Errno.EADDRINUSE ? portInUse(port) : socketError();
    return { fd, port: portOf(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function socketError(): UdpError {
  const reason = getSystemErrorName(-libc().errno());
  return new UdpError('ERR_SOCKET', `cannot open a UDP socket: ${reason}`, reason);
}

function setOption(fd: number, level: number, name: number, value: number): boolean {
  const bytes = new Uint8Array(new Uint32Array([value]).buffer);
  return libc().setsockopt(fd, level, name, bytes, bytes.length) === 0;
}

/** From now on other sockets of this program may listen on its port. */
export function sharePort(fd: number): void {
  setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1);
}

/** Throws UdpError ERR_MARK. */
export function markSocket(fd: number, mark: number): void {
  if (setOption(fd, SOL_SOCKET, SO_MARK, mark)) return;
  const reason = getSystemErrorName(-libc().errno());
  throw new UdpError('ERR_MARK', `cannot set firewall mark ${mark}: ${reason}`, reason);
}

/** Only root may exceed net.core.rmem_max; the system's own size works too. */
function setBuffer(fd: number, force: number, plain: number): void {
  if (!setOption(fd, SOL_SOCKET, force, SOCKET_BUFFER_BYTES))
    setOption(fd, SOL_SOCKET, plain, SOCKET_BUFFER_BYTES);
}

function portOf(fd: number): number {
  const name = new Uint8Array(SOCKADDR_IN6_SIZE);
  const length = new Uint8Array(new Uint32Array([name.length]).buffer);
  if (libc().getsockname(fd, name, length) !== 0) throw socketError();
  return new DataView(name.buffer).getUint16(2);
}
