import { defaultProviders } from '../../crypto/providers.js';
import { fastestProviders } from '../../native/providers.js';
import { PortableDataPlane } from '../../src/dataplane/portable.js';
import { systemClock } from '../../system/clock.js';
import { MemoryTun } from '../../tun/memory.js';
import { openDgramUdp } from '../../udp/dgram.js';
import { openUdp } from '../../udp/open.js';
import { testDataPlane } from './suite.js';

const LOOPBACK = { ipv4Address: '127.0.0.1', ipv6: false };
const logger = { debug() {}, info() {}, warn() {}, error() {} };

for (const { name, aead, openSockets } of [
  { name: 'portable (node:dgram)', aead: defaultProviders().aead, openSockets: openDgramUdp },
  { name: 'portable (fastest here)', aead: fastestProviders().aead, openSockets: openUdp },
])
  testDataPlane(name, async () => {
    const tun = new MemoryTun();
    const open = () => openSockets(LOOPBACK);
    const udp = await open();
    const clock = systemClock();
    const mtu = 1420;
    const onTunError = (): void => undefined;
    const plane = new PortableDataPlane({ tun, udp, open, mtu, aead, clock, logger, onTunError });
    plane.start();
    return { plane, tun, port: udp.port, mtu, now: clock.now };
  });
