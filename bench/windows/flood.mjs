// node flood.mjs PORT SIZE: sends valid transport messages for pump.ts to 127.0.0.1:PORT until killed.
import { setImmediate as turn } from 'node:timers/promises';
import { Secret } from '../../dist/crypto/secret.js';
import { fastestProviders } from '../../dist/native/providers.js';
import { parsePrefix } from '../../dist/protocol/ip.js';
import { PortableDataPlane } from '../../dist/src/dataplane/portable.js';
import { systemClock } from '../../dist/system/clock.js';
import { MemoryTun } from '../../dist/tun/memory.js';
import { openUdp } from '../../dist/udp/open.js';

const [port, size] = process.argv.slice(2).map(Number);
const LOOPBACK = '127.0.0.1';
const MTU = 1420;
const BURST = 64;
const LONGEST_MS = 60_000;

const tun = new MemoryTun();
const open = () => openUdp({ ipv4Address: LOOPBACK, ipv6: false });
const udp = await open();
const clock = systemClock();
const { aead } = fastestProviders();
const logger = { debug() {}, info() {}, warn() {}, error() {} };
const onTunError = () => undefined;
const plane = new PortableDataPlane({ tun, udp, open, mtu: MTU, aead, clock, logger, onTunError });
plane.start();
// As in pump.ts, with the roles exchanged.
plane.apply({
  type: 'setPeer',
  peer: 1,
  endpoint: { address: LOOPBACK, port },
  allowedIps: { replace: true, add: [parsePrefix('10.9.0.2/32')], remove: [] },
});
plane.apply({
  type: 'installKeypair',
  peer: 1,
  keypair: {
    localIndex: 2,
    remoteIndex: 1,
    sendKey: Secret.take(new Uint8Array(32).fill(1)),
    receiveKey: Secret.take(new Uint8Array(32).fill(2)),
    isInitiator: true,
    createdAt: clock.now(),
  },
});
const packet = new Uint8Array(size);
packet.set([0x45, 0, size >> 8, size & 0xff, 0, 0, 0, 0, 64, 17, 0, 0, 10, 9, 0, 1, 10, 9, 0, 2]);
const end = clock.now() + LONGEST_MS;
while (clock.now() < end) {
  for (let i = 0; i < BURST; i++) tun.inject(packet);
  await turn();
}
await plane.close();
