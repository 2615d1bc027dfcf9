import { closeSync } from 'node:fs';
import { ofThisThread, readMessages } from '../system/linux/descriptor.js';
import { libc } from '../system/linux/libc.js';
import type { Tun, TunQueues } from '../tun/tun.js';

// asm-generic: x86-64, arm64, riscv64
const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;

/**
 * Makes a packet device in JavaScript look like the queue of an interface, through a socket pair that
 * preserves packet boundaries. Packets are dropped while the socket is full, as by any interface.
 */
export function bridgeTun(tun: Tun, onError: (error: Error) => void): TunQueues {
  const { socketpair, write } = libc();
  const pair = new Int32Array(2);
  const type = SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC;
  if (socketpair(AF_UNIX, type, 0, new Uint8Array(pair.buffer)) !== 0)
    throw new Error(`cannot create a socket pair: errno ${libc().errno()}`);
  const [ours, theirs] = [...pair].map(ofThisThread) as [number, number];
  const reading = readMessages(ours, {
    onMessage: (packet) => tun.write(packet),
    onError(errno) {
      onError(new Error(`cannot read packets from the data plane: errno ${errno}`));
      return false;
    },
  });
  tun.start((packets) => {
    for (const packet of packets) write(ours, packet, packet.length);
  }, onError);
  tun.unref?.();
  let isOpen = true;
  return {
    name: tun.name,
    descriptors: [theirs],
    vnetHeader: false,
    takesTcpSegments: false,
    takesUdpSegments: false,
    close(): void {
      if (!isOpen) return;
      isOpen = false;
      tun.close();
      reading.close();
      closeSync(ours);
      closeSync(theirs);
    },
  };
}
