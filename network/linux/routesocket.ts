import { closeSync } from 'node:fs';
import { endianness } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { ofThisThread } from '../../system/linux/descriptor.js';
import { libc } from '../../system/linux/libc.js';

// asm-generic: x86-64, arm64, riscv64
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const NETLINK_ROUTE = 0;
/** sizeof(struct sockaddr_nl) */
const SOCKADDR_NL_SIZE = 12;

/**
 * Returns a non-blocking socket of rtnetlink(7) that gets the notifications of `groups`, a mask of
 * RTMGRP_*. Close it with `closeSync`. Throws where there is no netlink.
 */
export function openRouteSocket(groups: number): number {
  const { socket, bind } = libc();
  const opened = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (opened < 0) throw noSocket();
  const fd = ofThisThread(opened);
  const address = new DataView(new ArrayBuffer(SOCKADDR_NL_SIZE));
  address.setUint16(0, AF_NETLINK, endianness() === 'LE');
  address.setUint32(8, groups, endianness() === 'LE');
  if (bind(fd, new Uint8Array(address.buffer), SOCKADDR_NL_SIZE) === 0) return fd;
  const error = noSocket();
  closeSync(fd);
  throw error;
}

function noSocket(): Error {
  return new Error(`no netlink socket: ${getSystemErrorName(-libc().errno())}`);
}
