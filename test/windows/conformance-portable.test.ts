import { fastestProviders } from '../../native/providers.js';
import { PortableDataPlane } from '../../src/dataplane/portable.js';
import { systemClock } from '../../system/clock.js';
import { MemoryTun } from '../../tun/memory.js';
import { openDgramUdp } from '../../udp/dgram.js';
import { testDataPlane } from '../conformance/suite.js';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

testDataPlane('portable', async () => {
  const tun = new MemoryTun();
  const udp = await openDgramUdp({ ipv4Address: '127.0.0.1', ipv6: false });
  const clock = systemClock();
  const mtu = 1420;
  const onTunError = (): void => undefined;
  const { aead } = fastestProviders();
  const plane = new PortableDataPlane({ tun, udp, mtu, aead, clock, logger: silent, onTunError });
  plane.start();
  return { plane, tun, port: udp.port, mtu, now: clock.now };
});
