import { fastestProviders } from '../../native/providers.js';
import { PortableDataPlane } from '../../src/dataplane/portable.js';
import { systemClock } from '../../system/clock.js';
import { MemoryTun } from '../../tun/memory.js';
import { openDgramUdp } from '../../udp/dgram.js';
import { testDataPlane } from '../conformance/suite.js';

const logger = { debug() {}, info() {}, warn() {}, error() {} };

testDataPlane('portable', async () => {
  const tun = new MemoryTun();
  const open = () => openDgramUdp({ ipv4Address: '127.0.0.1', ipv6: false });
  const udp = await open();
  const clock = systemClock();
  const mtu = 1420;
  const onTunError = (): void => undefined;
  const { aead } = fastestProviders();
  const plane = new PortableDataPlane({ tun, udp, open, mtu, aead, clock, logger, onTunError });
  plane.start();
  return { plane, tun, port: udp.port, mtu, now: clock.now };
});
