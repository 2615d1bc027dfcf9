import { expect } from 'vitest';
import { labTest } from '../support/lab.js';
import { describeSystem, isReference, TUNNEL } from '../support/requirements.js';
import { INNER, makePair } from '../support/topology.js';
import { ping } from '../support/traffic.js';

describeSystem('a tunnel in the foreground', TUNNEL, () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    labTest.skipIf(isReference)(`ends cleanly on ${signal}`, async ({ lab }) => {
      const pair = await makePair(lab, { clientAllows: ['0.0.0.0/0', '::/0'], keepalive: 1 });
      await pair.server.start();
      const before = await pair.client.namespace.snapshot();
      const tunnel = await pair.client.spawnForeground();
      expect(await ping(pair.client.namespace, INNER.server.v4)).toMatchObject({ received: 3 });

      tunnel.signal(signal);
      expect(await tunnel.exited).toBe(0);
      expect(await pair.client.namespace.snapshot()).toBe(before);
      expect(await pair.client.daemons()).toEqual([]);
      expect(lab.traces().filter((file) => file.includes(pair.client.name))).toEqual([]);
    });
});
