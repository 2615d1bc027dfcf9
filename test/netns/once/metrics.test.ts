/** What a tunnel of the command line serves to Prometheus, beside what wg(8) shows. */
import { appendFileSync } from 'node:fs';
import { expect } from 'vitest';
import { type Family, parseExposition, sampleValue } from '../../metrics/exposition.js';
import { eventually } from '../../support/waiting.js';
import { labTest, type Namespace } from '../support/lab.js';
import { mustRun, type RunResult } from '../support/process.js';
import { describeSystem, isReference, type Need, TUNNEL } from '../support/requirements.js';
import { INNER, makePair, type Pair } from '../support/topology.js';
import { ping } from '../support/traffic.js';
import { command } from '../support/tunnel.js';

const ADDRESS = '127.0.0.1:9586';
const NEEDS: readonly Need[] = [...TUNNEL, 'wg'];

/** Within the namespace; a name of its own for the program, as there need not be curl. */
const FETCH =
  'fetch(process.argv[1]).then(async (r) => console.log(JSON.stringify({ code: r.status, body: await r.text() })))';

interface Answer {
  readonly code: number;
  readonly body: string;
}

async function ask(namespace: Namespace, url: string): Promise<Answer> {
  const answer = await namespace.mustRun([process.execPath, '-e', FETCH, url]);
  return JSON.parse(answer) as Answer;
}

async function scrape(namespace: Namespace, address = ADDRESS): Promise<readonly Family[]> {
  const { code, body } = await ask(namespace, `http://${address}/metrics`);
  expect(code).toBe(200);
  return parseExposition(body);
}

/** As `wg show NAME transfer` has them. */
async function transferOf({ client }: Pair): Promise<readonly number[]> {
  const line = await mustRun(['wg', 'show', client.name, 'transfer']);
  return line.trim().split('\t').slice(1).map(Number);
}

function upWith({ client }: Pair, ...options: readonly string[]): Promise<RunResult> {
  return client.namespace.run(command('up', ...options, client.file));
}

describeSystem('the metrics of a tunnel', NEEDS, () => {
  labTest.skipIf(isReference)('are those of wg show, and hold no secret', async ({ lab }) => {
    const pair = await makePair(lab, { withPresharedKey: true, keepalive: 25 });
    const { client, server } = pair;
    // Takes it down when the lab closes.
    appendFileSync(client.file, `\n[Interface]\nMetrics = ${ADDRESS}\n`);
    await server.start();
    await client.up();
    expect((await ping(client.namespace, INNER.server.v4, { count: 5 })).received).toBe(5);
    await eventually('nothing moves between two looks', 40_000, async () => {
      const before = await transferOf(pair);
      const families = await scrape(client.namespace);
      if (String(before) !== String(await transferOf(pair))) return false;
      const labels = {
        interface: client.name,
        public_key: server.spec.keys.publicKey,
        allowed_ips: `${INNER.server.v4}/32,${INNER.server.v6}/128`,
      };
      const [received, sent] = before;
      expect(sampleValue(families, 'wireguard_received_bytes_total', labels)).toBe(received);
      expect(sampleValue(families, 'wireguard_sent_bytes_total', labels)).toBe(sent);
      expect(received).toBeGreaterThanOrEqual(92 + 5 * 128);
      const { latestHandshake } = await client.peer();
      expect(sampleValue(families, 'wireguard_latest_handshake_seconds', labels)).toBe(
        latestHandshake,
      );
      expect(sampleValue(families, 'wg_ts_tunnel_up', { interface: client.name })).toBe(1);
      return true;
    });
    const health = await ask(client.namespace, `http://${ADDRESS}/healthz`);
    expect(health.code).toBe(200);
    const all = health.body + (await ask(client.namespace, `http://${ADDRESS}/metrics`)).body;
    const { keys, peers } = client.spec();
    for (const secret of [keys.privateKey, ...peers.flatMap((one) => one.presharedKey ?? [])])
      expect(all).not.toContain(secret);
    await client.down();
    await expect(ask(client.namespace, `http://${ADDRESS}/healthz`)).rejects.toThrow();
  });

  labTest.skipIf(isReference)(
    'are unwell without the peer; also at an inner address',
    async ({ lab }) => {
      const pair = await makePair(lab, { keepalive: 1 });
      const { client, server } = pair;
      lab.onClose(async () => {
        if ((await client.daemons()).length > 0) await client.down();
      });
      const inner = `${INNER.client.v4}:9586`;
      const { code, stderr } = await upWith(pair, '--metrics', inner);
      expect(code).toBe(0);
      expect(stderr).toContain(`warning: anyone who can reach ${inner} can read the metrics`);
      const before = await ask(client.namespace, `http://${inner}/healthz`);
      expect([before.code, JSON.parse(before.body)]).toEqual([
        503,
        {
          status: 'unhealthy',
          interface: client.name,
          problems: [{ publicKey: server.spec.keys.publicKey, problem: 'no handshake yet' }],
        },
      ]);
      expect(sampleValue(await scrape(client.namespace, inner), 'wg_ts_tunnel_up')).toBe(0);
      await server.start();
      await eventually('the peer is there', 40_000, async () => {
        return (await ask(client.namespace, `http://${inner}/healthz`)).code === 200;
      });
    },
  );

  labTest.skipIf(isReference)('keep a tunnel down when their port is taken', async ({ lab }) => {
    const { client } = await makePair(lab);
    const other = client.namespace.spawn([
      process.execPath,
      '-e',
      `require('node:net').createServer().listen(9586, '127.0.0.1', () => console.log('listening'))`,
    ]);
    await other.says(/listening/);
    const before = await client.namespace.snapshot();
    const { code, stderr } = await client.namespace.run(
      command('up', '--metrics', ADDRESS, client.file),
    );
    expect(stderr).toContain(`error: metrics: another program listens at ${ADDRESS}\nhint: `);
    expect(code).toBe(1);
    expect(await client.namespace.snapshot()).toBe(before);
    expect(lab.traces()).toEqual([]);
    const named = await client.namespace.run(
      command('up', '--metrics', 'localhost:1', client.file),
    );
    expect(named.stderr).toContain("'localhost' is a name");
    expect(named.code).toBe(2);
  });
});
