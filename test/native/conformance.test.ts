import { describe } from 'vitest';
import { loadNativeLibrary } from '../../native/binding.js';
import { bridgeTun } from '../../native/bridge.js';
import { NativeDataPlane, type NativeOptions } from '../../native/dataplane.js';
import { systemClock } from '../../system/clock.js';
import { MemoryTun } from '../../tun/memory.js';
import { openUdpQueues } from '../../udp/open.js';
import { testDataPlane } from '../conformance/suite.js';
import { whyNoNativeLibrary } from './library.js';

const LOOPBACK = { ipv4Address: '127.0.0.1', ipv6: false };
const silent = { debug() {} };

const variants: readonly (Pick<NativeOptions, 'without' | 'threadsPerWorker'> & {
  readonly name: string;
})[] = [
  { name: 'native' },
  { name: 'native (two threads a worker)', threadsPerWorker: 2 },
  { name: 'native (EVP, one by one)', without: ['direct-crypto', 'udp-segment', 'udp-gro'] },
];

if (whyNoNativeLibrary !== undefined)
  describe.skip(`native data plane (skipped: ${whyNoNativeLibrary})`, () => {});
else
  for (const { name, ...variant } of variants)
    testDataPlane(name, async () => {
      const memory = new MemoryTun();
      const clock = systemClock();
      const mtu = 1420;
      const fail = (error: unknown): never => {
        throw error;
      };
      const open = () => openUdpQueues(LOOPBACK, 1);
      const udp = await open();
      const plane = new NativeDataPlane({
        library: loadNativeLibrary(),
        tun: bridgeTun(memory, fail),
        udp,
        open,
        mtu,
        clock,
        logger: silent,
        onTunError: fail,
        ...variant,
      });
      plane.start();
      return { plane, tun: memory, port: udp.port, mtu, now: clock.now };
    });
