import type { NativeOptions } from '../../native/dataplane.js';
import { systemClock } from '../../system/clock.js';
import { testDataPlane } from '../conformance/suite.js';
import { MTU, openHost } from './native/host.js';

const variants: readonly (Pick<NativeOptions, 'without' | 'threadsPerWorker'> & {
  readonly name: string;
})[] = [
  { name: 'native on Wintun' },
  { name: 'native on Wintun (one thread, one by one)', threadsPerWorker: 1, without: ['udp-gro'] },
];

for (const { name, ...variant } of variants)
  testDataPlane(name, async () => {
    const { plane, system, port } = await openHost(variant);
    return { plane, tun: system, port, mtu: MTU, now: systemClock().now };
  });
