import { expect } from 'vitest';
import { labTest } from '../support/lab.js';
import { mustRun } from '../support/process.js';
import { describeSystem, isReference, TUNNEL } from '../support/requirements.js';
import { CLIENT_PORT, endpoint, INNER, type Pair, PORT, startPair } from '../support/topology.js';
import { ping } from '../support/traffic.js';
import { command } from '../support/tunnel.js';

function secretsOf(pair: Pair): string[] {
  const { keys, peers } = pair.client.spec();
  return [keys.privateKey, ...peers.flatMap((peer) => peer.presharedKey ?? [])];
}

async function reach(pair: Pair): Promise<number> {
  return (await ping(pair.client.namespace, INNER.server.v4, { count: 2 })).received;
}

describeSystem('the state of a tunnel', TUNNEL, () => {
  labTest.skipIf(isReference)('is shown as wg shows it, without its secrets', async ({ lab }) => {
    const pair = await startPair(lab, { withPresharedKey: true, keepalive: 7 });
    expect(await reach(pair)).toBe(2);
    const { name, namespace } = pair.client;
    const json = await namespace.mustRun(command('show', name, '--json'));
    const text = await namespace.mustRun(command('show', name));
    const peer = await pair.client.peer();

    expect(JSON.parse(json)).toMatchObject({
      interfaces: [
        {
          name,
          publicKey: pair.client.spec().keys.publicKey,
          listenPort: CLIENT_PORT,
          dataPlane: expect.stringMatching(/\w/),
          peers: [
            {
              publicKey: pair.server.spec.keys.publicKey,
              endpoint: endpoint(pair.serverEnd.v4, PORT),
              allowedIps: [`${INNER.server.v4}/32`, `${INNER.server.v6}/128`],
              latestHandshake: peer.latestHandshake,
              persistentKeepalive: 7,
            },
          ],
        },
      ],
    });
    expect(Math.abs(peer.latestHandshake - Date.now() / 1000)).toBeLessThan(60);
    expect(peer.rxBytes).toBeGreaterThanOrEqual(92 + 2 * 128);
    expect(peer.txBytes).toBeGreaterThanOrEqual(148 + 2 * 128);
    expect(text).toContain(name);
    expect(text).toContain(pair.server.spec.keys.publicKey);
    for (const secret of secretsOf(pair)) expect(json + text).not.toContain(secret);
  });

  labTest('answers wg show in every form', async ({ lab }) => {
    const pair = await startPair(lab);
    const wg = (what: string): Promise<string> => mustRun(['wg', 'show', pair.client.name, what]);
    const server = pair.server.spec.keys.publicKey;
    expect((await wg('public-key')).trim()).toBe(pair.client.spec().keys.publicKey);
    expect((await wg('listen-port')).trim()).toBe(String(CLIENT_PORT));
    expect((await wg('peers')).trim()).toBe(server);
    expect(await wg('endpoints')).toBe(`${server}\t${endpoint(pair.serverEnd.v4, PORT)}\n`);
    const allowed = (await wg('allowed-ips')).trim().split(/\s/).slice(1).sort();
    expect(allowed).toEqual([`${INNER.server.v4}/32`, `${INNER.server.v6}/128`]);
    expect(await mustRun(['wg', 'show', 'interfaces'])).toContain(pair.client.name);
  });

  labTest('is changed by wg set while traffic goes on', async ({ lab }) => {
    const pair = await startPair(lab);
    expect(await reach(pair)).toBe(2);
    const { name } = pair.client;
    const server = pair.server.spec.keys.publicKey;
    await mustRun(['wg', 'set', name, 'peer', server, 'persistent-keepalive', '9']);
    expect(await mustRun(['wg', 'show', name, 'persistent-keepalive'])).toBe(`${server}\t9\n`);
    expect(await reach(pair)).toBe(2);
  });

  labTest('gives its whole configuration to wg showconf', async ({ lab }) => {
    const pair = await startPair(lab, { withPresharedKey: true });
    const shown = await mustRun(['wg', 'showconf', pair.client.name]);
    for (const secret of secretsOf(pair)) expect(shown).toContain(secret);
  });
});
