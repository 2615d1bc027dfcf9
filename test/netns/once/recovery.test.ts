import { expect } from 'vitest';
import { eventually } from '../../support/waiting.js';
import { type Lab, labTest } from '../support/lab.js';
import { describeSystem, isReference, TUNNEL } from '../support/requirements.js';
import { INNER, makePair, type Pair } from '../support/topology.js';
import { ping } from '../support/traffic.js';

/** A pair whose client takes the default route, and so leaves most behind when it is killed. */
async function pairWithDefaultRoute(lab: Lab): Promise<Pair> {
  const pair = await makePair(lab, { clientAllows: ['0.0.0.0/0', '::/0'] });
  await pair.server.start();
  return pair;
}

async function killDaemon(pair: Pair): Promise<void> {
  const daemons = await pair.client.daemons();
  expect(daemons.length).toBeGreaterThan(0);
  for (const pid of daemons) process.kill(pid, 'SIGKILL');
  await eventually('the end of the daemon', 40_000, async () => {
    return (await pair.client.daemons()).length === 0;
  });
}

/** The client's socket, journal and the like; the server has a socket too. */
function tracesOf(lab: Lab, pair: Pair): string[] {
  return lab.traces().filter((file) => file.includes(pair.client.name));
}

describeSystem('a client that was killed', [...TUNNEL, 'nft'], () => {
  // wg-quick has nothing of the kind.
  const subjectTest = labTest.skipIf(isReference);

  subjectTest('is cleaned up by down', async ({ lab }) => {
    const pair = await pairWithDefaultRoute(lab);
    const before = await pair.client.namespace.snapshot();
    await pair.client.up();
    expect(await ping(pair.client.namespace, INNER.server.v4)).toMatchObject({ received: 3 });
    await killDaemon(pair);
    expect(await pair.client.namespace.snapshot()).not.toBe(before);
    expect(tracesOf(lab, pair)).not.toEqual([]);

    expect(await pair.client.tryDown()).toMatchObject({ code: 0 });
    expect(await pair.client.namespace.snapshot()).toBe(before);
    expect(tracesOf(lab, pair)).toEqual([]);
  });

  subjectTest('is replaced by up, and then goes without a trace', async ({ lab }) => {
    const pair = await pairWithDefaultRoute(lab);
    const before = await pair.client.namespace.snapshot();
    await pair.client.up();
    await killDaemon(pair);

    await pair.client.up();
    expect(await ping(pair.client.namespace, INNER.server.v4)).toMatchObject({ received: 3 });
    await pair.client.down();
    expect(await pair.client.namespace.snapshot()).toBe(before);
    expect(await pair.client.daemons()).toEqual([]);
  });
});

describeSystem('a client that is up', TUNNEL, () => {
  labTest('refuses a second up of the same name and goes on', async ({ lab }) => {
    const pair = await makePair(lab);
    await pair.server.start();
    await pair.client.up();
    const before = await pair.client.namespace.snapshot();
    const second = await pair.client.tryUp();
    expect(second.code).toBeGreaterThan(0);
    expect(second.stderr.trim()).not.toBe('');
    expect(await pair.client.namespace.snapshot()).toBe(before);
    expect(await ping(pair.client.namespace, INNER.server.v4)).toMatchObject({ received: 3 });
  });

  labTest('is down after down, and a second down is an error', async ({ lab }) => {
    const pair = await makePair(lab);
    await pair.server.start();
    const before = await pair.client.namespace.snapshot();
    await pair.client.up();
    await pair.client.down();
    expect(await pair.client.namespace.snapshot()).toBe(before);
    expect(await pair.client.daemons()).toEqual([]);
    expect(tracesOf(lab, pair)).toEqual([]);
    expect((await pair.client.tryDown()).code).toBeGreaterThan(0);
  });
});
