/** The examples as they are run with arguments: with real interfaces, against other implementations. */
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { eventually } from '../../support/waiting.js';
import { type Lab, type LinkEnd, labTest, type Namespace } from '../support/lab.js';
import { describeSystem, isReference, TUNNEL } from '../support/requirements.js';
import { INNER, makePair, type Pair } from '../support/topology.js';
import { ping } from '../support/traffic.js';
import { Client } from '../support/tunnel.js';

const example = (name: string): string =>
  fileURLToPath(new URL(`../../../examples/${name}.mjs`, import.meta.url));

/** By HTTP from within a namespace, where there need not be curl. */
async function ask(
  namespace: Namespace,
  url: string,
  options: RequestInit = {},
): Promise<{ readonly code: number; readonly body: string }> {
  const program = `fetch(process.argv[1], { ...JSON.parse(process.argv[2]), signal: AbortSignal.timeout(5000) })
    .then(async (r) => console.log(JSON.stringify({ code: r.status, body: await r.text() })))`;
  const answer = await namespace.mustRun([
    process.execPath,
    '-e',
    program,
    url,
    JSON.stringify(options),
  ]);
  return JSON.parse(answer);
}

/** Serves 1000 characters for each request but one for /silence. */
const PAGES = `require('node:http').createServer((request, response) => {
  if (request.url !== '/silence') response.end('x'.repeat(1000));
  else console.log('asked');
}).listen(80, process.argv[1], () => console.log('listening'))`;

/** A cable is up when the system says so, which may take a second: then its addresses are all there. */
async function settled({ namespace }: LinkEnd): Promise<void> {
  await eventually(`the cable of ${namespace.name} is up`, 40_000, async () => {
    const snapshot = await namespace.snapshot();
    return snapshot.includes(' fe80::') && !snapshot.includes('NO-CARRIER');
  });
}

async function makeCable(lab: Lab): Promise<readonly [LinkEnd, LinkEnd]> {
  const ends = await lab.link(await lab.namespace('peer'), await lab.namespace('host'));
  for (const end of ends) await settled(end);
  return ends;
}

/** With a default route there are rules, which do not go with the interface when a program just ends. */
const ALL = { clientAllows: ['0.0.0.0/0', '::/0'] } as const;

/** wireguard-go with a web server at its inner address. */
async function startServer(pair: Pair): Promise<{ says(pattern: RegExp): Promise<void> }> {
  await pair.server.start();
  const pages = pair.server.namespace.spawn([process.execPath, '-e', PAGES, INNER.server.v4]);
  await pages.says(/listening/);
  return pages;
}

describeSystem('the quickstart', TUNNEL, () => {
  labTest.skipIf(isReference)(
    'moves data through wireguard-go, and undoes all',
    async ({ lab }) => {
      const pair = await makePair(lab, ALL);
      const { client, clientEnd, server, serverEnd } = pair;
      await startServer(pair);
      await settled(clientEnd);
      const before = await clientEnd.namespace.snapshot();
      const url = `http://${INNER.server.v4}/`;
      const { code, stdout, stderr } = await clientEnd.namespace.run([
        process.execPath,
        example('quickstart'),
        client.file,
        url,
      ]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toContain(`connected to ${serverEnd.v4}:51820\n`);
      expect(stdout).toContain(`1000 characters from ${url}`);
      const [, received, sent] = /rxBytes: (\d+)n,\s+txBytes: (\d+)n/.exec(stdout) ?? [];
      expect(Number(received)).toBeGreaterThan(1000 + 92);
      const seen = await server.peer();
      expect(seen.rxBytes).toBeGreaterThan(148);
      // What ends the connection may come after the last look.
      expect(seen.rxBytes).toBeGreaterThanOrEqual(Number(sent));
      expect(seen.txBytes).toBeGreaterThanOrEqual(Number(received));
      expect(await clientEnd.namespace.snapshot()).toBe(before);
    },
  );

  labTest.skipIf(isReference)('undoes everything on Ctrl-C', async ({ lab }) => {
    const pair = await makePair(lab, ALL);
    const { namespace } = pair.clientEnd;
    const pages = await startServer(pair);
    await settled(pair.clientEnd);
    const before = await namespace.snapshot();
    const url = `http://${INNER.server.v4}/silence`;
    const running = namespace.spawn([
      process.execPath,
      example('quickstart'),
      pair.client.file,
      url,
    ]);
    await pages.says(/asked/);
    expect(await namespace.snapshot()).not.toBe(before);
    running.signal('SIGINT');
    expect(await running.exited).toBe(1);
    expect(running.stderr).toContain('AbortError');
    expect(await namespace.snapshot()).toBe(before);
  });
});

describeSystem('the other examples with arguments', TUNNEL, () => {
  labTest.skipIf(isReference)('server: is reached through its tunnel alone', async ({ lab }) => {
    const { client, clientEnd, server } = await makePair(lab, { ...ALL, keepalive: 1 });
    await server.start();
    await settled(clientEnd);
    const before = await clientEnd.namespace.snapshot();
    const running = clientEnd.namespace.spawn([process.execPath, example('server'), client.file]);
    const url = `http://${INNER.client.v4}:8080/status`;
    await running.says(new RegExp(`wg-ts0 is up; through it: ${url}`));
    await eventually('the tunnel is connected', 40_000, async () => {
      return (await server.peer()).latestHandshake > 0;
    });
    const { code, body } = await ask(server.namespace, url);
    expect([code, JSON.parse(body)]).toMatchObject([200, { name: 'wg-ts0', state: 'connected' }]);
    await expect(ask(server.namespace, `http://${clientEnd.v4}:8080/status`)).rejects.toThrow();
    expect(await running.stop('SIGTERM')).toBe(0);
    expect(running.stdout).toMatch(/SIGTERM: stopping\nstopped\n$/);
    expect(running.stderr).toBe('');
    expect(await clientEnd.namespace.snapshot()).toBe(before);
  });

  labTest.skipIf(isReference)('ping-host: answers a real ping', async ({ lab }) => {
    const [peerEnd, hostEnd] = await makeCable(lab);
    const host = hostEnd.namespace.spawn([
      process.execPath,
      example('ping-host'),
      '--listen',
      '51820',
    ]);
    await host.says(/Ctrl-C stops the host/);
    const configuration = /\[Interface\][^#]*/.exec(host.stdout)?.[0] ?? '';
    expect(configuration).toContain(`Endpoint = ${hostEnd.v4}:51820`);
    const peer = new Client(lab, peerEnd.namespace, configuration);
    await peer.up();
    for (const address of ['10.78.0.1', 'fd78::1'])
      expect(await ping(peerEnd.namespace, address)).toMatchObject({ received: 3 });
    await peer.down();
    expect(await host.stop('SIGINT')).toBe(0);
    expect(host.stdout).toMatch(/# connected: .*\n# 6 pings answered\n$/);
    expect(host.stderr).toBe('');
  });

  labTest.skipIf(isReference)('gateway-metrics: is scraped', async ({ lab }) => {
    const { client, clientEnd, server } = await makePair(lab, { keepalive: 1 });
    await server.start();
    const running = clientEnd.namespace.spawn([
      process.execPath,
      example('gateway-metrics'),
      client.file,
      '127.0.0.1:9123',
    ]);
    await running.says(/wg-ts0 is up/);
    await eventually('it is well', 40_000, async () => {
      return (await ask(clientEnd.namespace, 'http://127.0.0.1:9123/healthz')).code === 200;
    });
    const { body } = await ask(clientEnd.namespace, 'http://127.0.0.1:9123/metrics');
    expect(body).toContain(server.spec.keys.publicKey);
    expect(await running.stop('SIGINT')).toBe(0);
    expect(running.stderr).toBe('');
  });

  labTest.skipIf(isReference)('self-hosted: hands out what works', async ({ lab }) => {
    const [peerEnd, serverEnd] = await makeCable(lab);
    const { namespace } = serverEnd;
    const before = await namespace.snapshot();
    const server = namespace.spawn(
      [process.execPath, example('self-hosted'), `${serverEnd.v4}:51820`],
      { TOKEN: 'open sesame' },
    );
    await server.says(/127\.0\.0\.1:8080\/peers/);
    const url = 'http://127.0.0.1:8080/peers';
    const headers = { Authorization: 'Bearer open sesame' };
    const call = (method: string, place = '', more = headers) =>
      ask(namespace, url + place, { method, headers: more });

    for (const method of ['GET', 'POST', 'DELETE'])
      expect(await call(method, '', { Authorization: 'Bearer open' })).toMatchObject({ code: 401 });
    expect(await call('GET')).toEqual({ code: 200, body: '{}' });
    const [first, second] = await Promise.all([call('POST'), call('POST')]);
    expect([first.code, second.code]).toEqual([201, 201]);
    const addresses = [first, second].map(({ body }) => /^Address = (.*)$/m.exec(body)?.[1]);
    expect(addresses.toSorted()).toEqual(['10.81.0.2/32', '10.81.0.3/32']);

    const peer = new Client(lab, peerEnd.namespace, first.body);
    await peer.up();
    expect(await ping(peerEnd.namespace, '10.81.0.1')).toMatchObject({ received: 3 });
    const peers = JSON.parse((await call('GET')).body) as Record<string, number>;
    const number = Number(/\.(\d+)\/32/.exec(addresses[0] ?? '')?.[1]);
    const [key = ''] = Object.entries(peers).find(([, one]) => one === number) ?? [];
    const place = `/${encodeURIComponent(key)}`;
    expect(await call('PUT', place)).toMatchObject({ code: 405 });
    expect(await call('DELETE', place)).toMatchObject({ code: 204 });
    expect(await call('DELETE', place)).toMatchObject({ code: 404 });
    expect(await ping(peerEnd.namespace, '10.81.0.1', { patienceSeconds: 2 })).toMatchObject({
      received: 0,
    });
    await peer.down();

    expect(await server.stop('SIGTERM')).toBe(0);
    expect(await namespace.snapshot()).toBe(before);
    const said = server.stdout + server.stderr;
    for (const { body } of [first, second])
      for (const [, secret = ''] of body.matchAll(/^(?:PrivateKey|PresharedKey) = (.*)$/gm))
        expect(said).not.toContain(secret);
    expect(said).not.toContain('sesame');
  });
});
