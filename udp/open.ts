import type { UdpOptions, UdpQueues, UdpSockets } from './transport.js';

export type {
  UdpCounters,
  UdpHandlers,
  UdpOptions,
  UdpQueues,
  UdpSockets,
  UdpTransport,
} from './transport.js';
export { UdpError, type UdpErrorCode } from './transport.js';

/**
 * Opens the sockets of a tunnel: by Linux's batched calls where available, otherwise by node:dgram.
 * Loads only the chosen implementation. Throws UdpError ERR_PORT_IN_USE, ERR_MARK or ERR_SOCKET.
 */
export async function openUdp(options: UdpOptions = {}): Promise<UdpSockets> {
  const { isMmsgSupported, openMmsgUdp } = await import('./linux/sockets.js');
  if (isMmsgSupported()) return await openMmsgUdp(options);
  const { openDgramUdp } = await import('./dgram.js');
  return await openDgramUdp(options);
}

/**
 * Opens `count` sockets of each family on one port. The system spreads the peers among them, each peer
 * always to the same one. Throws UdpError ERR_PORT_IN_USE, ERR_MARK or ERR_SOCKET.
 */
export async function openUdpQueues(options: UdpOptions, count: number): Promise<UdpQueues> {
  const linux = await import('./linux/queues.js');
  return await linux.openUdpQueues(options, count);
}
