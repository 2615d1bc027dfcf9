import { expect } from 'vitest';
import { labTest } from '../support/lab.js';
import { describeSystem, TUNNEL } from '../support/requirements.js';
import { INNER, startPair } from '../support/topology.js';
import { ping, pingUntilAnswered } from '../support/traffic.js';

describeSystem('a peer that starts again', TUNNEL, () => {
  // With data unanswered, a new handshake is due after KEEPALIVE_TIMEOUT + REKEY_TIMEOUT (section 6.2).
  const RECOVERY_MS = 40_000;

  labTest('a server that was restarted is found again', async ({ lab }) => {
    const pair = await startPair(lab);
    expect(await ping(pair.client.namespace, INNER.server.v4)).toMatchObject({ received: 3 });
    await pair.server.stop();
    await pair.server.start();
    expect((await pair.server.peer()).latestHandshake).toBe(0);
    await pingUntilAnswered(pair.client.namespace, INNER.server.v4, RECOVERY_MS);
    expect((await pair.server.peer()).latestHandshake).toBeGreaterThan(0);
  });

  labTest('a server that was restarted and initiates is accepted', async ({ lab }) => {
    const pair = await startPair(lab, { initiator: 'server' });
    expect(await ping(pair.server.namespace, INNER.client.v4)).toMatchObject({ received: 3 });
    await pair.server.stop();
    await pair.server.start();
    await pingUntilAnswered(pair.server.namespace, INNER.client.v4, 30_000);
  });
});
