import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { type Lab, labTest } from '../support/lab.js';
import { makeOwnPair, type OwnPair } from '../support/ownpair.js';
import { describeSystem, LIBRARY, PLANE } from '../support/requirements.js';
import { endpoint, INNER, PORT } from '../support/topology.js';
import { ping } from '../support/traffic.js';

const HOST = fileURLToPath(new URL('../support/embedded.mjs', import.meta.url));
const LEAKS = fileURLToPath(new URL('../../program/embedding/programs/leaks.mjs', import.meta.url));

/** Of the tunnel in the program. */
const ENV = { WG_TS_DATAPLANE: PLANE };

async function serverFor(lab: Lab): Promise<OwnPair> {
  const [clientEnd, serverEnd] = await lab.link(
    await lab.namespace('client'),
    await lab.namespace('server'),
  );
  const pair = makeOwnPair(lab, clientEnd, serverEnd, { endpoint: endpoint(serverEnd.v4, PORT) });
  await pair.server.up();
  return pair;
}

function host({ client }: OwnPair, what: string): string[] {
  return [process.execPath, HOST, LIBRARY, client.file, client.name, what];
}

describeSystem('a program with an interface', ['namespaces', 'tun', 'cli', 'ping'], () => {
  labTest('ends by itself when its tunnel is unreferenced', async ({ lab }) => {
    const pair = await serverFor(lab);
    const { namespace } = pair.client;
    const before = await namespace.snapshot();
    const { code, stdout, timedOut } = await namespace.run(host(pair, 'unref'), { env: ENV });
    expect({ code, stdout, timedOut }).toEqual({ code: 0, stdout: 'up\n', timedOut: false });
    expect(await namespace.snapshot()).toBe(before);
  });

  labTest('has it in a worker, which may be terminated', async ({ lab }) => {
    const pair = await serverFor(lab);
    const { namespace } = pair.client;
    const before = await namespace.snapshot();
    const running = namespace.spawn(host(pair, 'worker'), ENV);
    const pings = { count: 200, intervalSeconds: 0.01 };
    await running.says(/^up$/m, 40_000);
    expect(await ping(namespace, INNER.server.v4, pings)).toMatchObject({ received: 200 });
    expect(await ping(namespace, INNER.server.v6)).toMatchObject({ received: 3 });
    running.signal('SIGUSR2');
    await running.says(/^up again$/m, 40_000);
    expect(await ping(namespace, INNER.server.v4, pings)).toMatchObject({ received: 200 });
    const { before: held, after } = JSON.parse(/^\{.*\}$/m.exec(running.stdout)?.[0] ?? '');
    expect(after).toEqual(held);
    expect(await running.stop()).toBe(0);
    expect(running.stderr).toBe('');
    expect(await namespace.snapshot()).toBe(before);
  });

  labTest('holds no more resources after 50 of them than before', async ({ lab }) => {
    const namespace = await lab.namespace('program');
    const argv = [process.execPath, '--expose-gc', LEAKS, LIBRARY, PLANE, 'system', '50', '10'];
    const { code, stdout, stderr } = await namespace.run(argv, { timeoutMs: 200_000 });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { before, after, warnings } = JSON.parse(stdout);
    const { descriptors, threads, resources } = before;
    expect(after).toMatchObject({ descriptors, threads, resources });
    expect(warnings).toEqual([]);
    // What V8 compiles meanwhile; 16 KB a round.
    expect(after.bytes - before.bytes).toBeLessThan(800_000);
  });
});
