import { openDgramUdp } from './udp-dgram.js';
import { isMmsgSupported, openMmsgUdp } from './udp-linux.js';
import type { UdpOptions, UdpTransport } from './udp-transport.js';

export { openUdpQueues, type UdpQueues } from './udp-linux.js';
export type { UdpCounters, UdpHandlers, UdpOptions, UdpTransport } from './udp-transport.js';
export { UdpError, type UdpErrorCode } from './udp-transport.js';

/**
 * Opens the sockets of a tunnel: by Linux's batched calls where they are there, else by node:dgram.
 * Throws UdpError ERR_PORT_IN_USE, ERR_MARK or ERR_SOCKET.
 */
export function openUdp(options: UdpOptions = {}): Promise<UdpTransport> {
  return isMmsgSupported() ? openMmsgUdp(options) : openDgramUdp(options);
}
