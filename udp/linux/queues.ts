/** The sockets of the native data plane, which reads and writes them by their descriptors. */
import { closeSync } from 'node:fs';
import { AF_INET, AF_INET6 } from '../../system/sockaddr.js';
import type { UdpOptions, UdpQueues } from '../transport.js';
import { bindBoth, bindSocket, markSocket, sharePort } from './bind.js';

/**
 * Opens `count` sockets of each family on one port. The system spreads the peers among them, each peer
 * always to the same one. Throws UdpError ERR_PORT_IN_USE, ERR_MARK or ERR_SOCKET.
 */
export async function openUdpQueues(options: UdpOptions, count: number): Promise<UdpQueues> {
  const v4: number[] = [];
  const v6: number[] = [];
  const close = async (): Promise<void> => {
    for (const fd of [...v4.splice(0), ...v6.splice(0)]) closeSync(fd);
  };
  const { ipv4Address = '0.0.0.0', ipv6Address = '::' } = options;
  const [first4, first6] = await bindBoth(options);
  v4.push(first4.fd);
  if (first6) v6.push(first6.fd);
  try {
    // The first socket is exclusive, so that a port in use by a second program is refused; now it is
    // shared.
    for (const fd of [...v4, ...v6]) if (count > 1) sharePort(fd);
    for (let i = 1; i < count; i++) {
      v4.push(bindSocket(AF_INET, ipv4Address, first4.port, true).fd);
      if (first6) v6.push(bindSocket(AF_INET6, ipv6Address, first4.port, true).fd);
    }
    for (const fd of [...v4, ...v6]) if (options.mark) markSocket(fd, options.mark);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    port: first4.port,
    v4: [...v4],
    v6: [...v6],
    setMark(mark) {
      for (const fd of [...v4, ...v6]) markSocket(fd, mark);
    },
    close,
  };
}
