import { expect } from 'vitest';
import { type Lab, labTest, type Namespace } from '../support/lab.js';
import { describeSystem, isReference, type Need, TUNNEL } from '../support/requirements.js';
import { CLIENT_PORT, clientSpec, INNER, makePair, type Pair, PORT } from '../support/topology.js';
import { Client, command, newKeyPair, newPresharedKey, WireguardGo } from '../support/tunnel.js';

interface Finding {
  readonly group: string;
  readonly name: string;
  readonly state: string;
  readonly detail: string;
  readonly hint?: string;
}

interface Report {
  readonly problem: number;
  readonly cause: Finding | null;
  readonly checks: readonly Finding[];
  readonly text: string;
}

const TEST_MS = 240_000;
const NEEDS: readonly Need[] = [...TUNNEL, 'nft'];

async function doctor(namespace: Namespace, ...args: string[]): Promise<Report> {
  const { code, stdout, stderr } = await namespace.run(command('doctor', '--json', ...args));
  expect(stderr).toBe('');
  const report = JSON.parse(stdout) as Report;
  expect(code).toBe(report.problem > 0 ? 1 : 0);
  return { ...report, text: stdout };
}

function expectCause({ cause, text }: Report, name: RegExp, detail: RegExp): Finding {
  expect(cause, text).toMatchObject({
    name: expect.stringMatching(name),
    detail: expect.stringMatching(detail),
  });
  return cause as Finding;
}

function secretsOf({ client }: Pair): string[] {
  const { keys, peers } = client.spec();
  return [keys.privateKey, ...peers.flatMap(({ presharedKey }) => presharedKey ?? [])];
}

const nft = (namespace: Namespace, script: string): Promise<string> =>
  namespace.mustRun(['nft', script]);

async function dropIn(namespace: Namespace, what: string): Promise<void> {
  await nft(
    namespace,
    `add table inet t; add chain inet t c { type filter hook input priority 0; }; add rule inet t c ${what} drop`,
  );
}

/** A server that knows another client than ours. */
async function strangerTo(lab: Lab, pair: Pair): Promise<WireguardGo> {
  const { spec, namespace } = pair.server;
  const peers = spec.peers.map((peer) => ({ ...peer, publicKey: newKeyPair().publicKey }));
  return new WireguardGo(lab, namespace, { ...spec, peers });
}

describeSystem('wg-ts doctor', NEEDS, () => {
  // Most of the time is spent waiting for answers that do not come.
  const doctorTest = labTest.skipIf(isReference).concurrent;

  doctorTest(
    'finds nothing wrong with a tunnel that works',
    async ({ lab }) => {
      const pair = await makePair(lab, { withPresharedKey: true });
      await pair.server.start();
      const { name, namespace, file } = pair.client;
      const before = await doctor(namespace, file);
      expect(before.cause, before.text).toBeNull();
      expect(before.text).toContain('it answered a handshake just now');
      await pair.client.up();
      const snapshot = await namespace.snapshot();
      const during = await doctor(namespace, name);
      expect(during.cause, during.text).toBeNull();
      expect(during.checks).toContainEqual(
        expect.objectContaining({
          name: 'ping',
          state: 'ok',
          detail: expect.stringContaining(INNER.server.v4),
        }),
      );
      expect(during.checks).toContainEqual(expect.objectContaining({ name: 'MTU', state: 'ok' }));
      expect(await namespace.snapshot()).toBe(snapshot);
      for (const secret of secretsOf(pair)) expect(before.text + during.text).not.toContain(secret);
    },
    TEST_MS,
  );

  doctorTest(
    'knows by its name a tunnel that was killed, wherever its file is',
    async ({ lab }) => {
      const pair = await makePair(lab);
      await pair.server.start();
      const { name, namespace } = pair.client;
      await pair.client.up();
      for (const pid of await pair.client.daemons()) process.kill(pid, 'SIGKILL');
      const hint = `sudo wg-ts down ${name}`;
      const report = await doctor(namespace, name);
      expect(expectCause(report, /crashed/, /is gone/)).toMatchObject({ hint });
      await pair.client.down();
    },
    TEST_MS,
  );

  doctorTest(
    'reports that nothing listens on the endpoint',
    async ({ lab }) => {
      const pair = await makePair(lab);
      const { name, namespace, file } = pair.client;
      expectCause(await doctor(namespace, file), /^endpoint$/, /nothing listens on .*:51820/);
      await pair.client.up();
      expectCause(await doctor(namespace, name), /^endpoint$/, /nothing listens on .*:51820/);
    },
    TEST_MS,
  );

  doctorTest(
    'reports that UDP is dropped, and that the host is silent too',
    async ({ lab }) => {
      const pair = await makePair(lab);
      await pair.server.start();
      const { namespace, file } = pair.client;
      await dropIn(pair.serverEnd.namespace, 'meta l4proto { udp, icmp }');
      expectCause(await doctor(namespace, file), /^peer /, /UDP port 51820 is blocked/);
    },
    TEST_MS,
  );

  doctorTest(
    'reports both causes when only handshakes stay unanswered',
    async ({ lab }) => {
      const pair = await makePair(lab);
      await (await strangerTo(lab, pair)).start();
      const { name, namespace, file } = pair.client;
      const ours = pair.client.spec().keys.publicKey;
      for (const subject of [file, name]) {
        const cause = expectCause(
          await doctor(namespace, subject),
          /^peer /,
          /does not know our public key/,
        );
        expect(cause.detail).toContain(ours);
        expect(cause.hint).toContain(pair.server.spec.keys.publicKey);
        if (subject === file) await pair.client.up();
      }
    },
    TEST_MS,
  );

  doctorTest(
    'reports that the preshared key is another one',
    async ({ lab }) => {
      const pair = await makePair(lab);
      const { spec, namespace } = pair.server;
      const peers = spec.peers.map((peer) => ({ ...peer, presharedKey: newPresharedKey() }));
      await new WireguardGo(lab, namespace, { ...spec, peers }).start();
      const report = await doctor(pair.client.namespace, pair.client.file);
      expectCause(report, /^peer /, /its PresharedKey differs/);
    },
    TEST_MS,
  );

  doctorTest(
    'reports that this machine’s own firewall is in the way',
    async ({ lab }) => {
      const pair = await makePair(lab);
      await pair.server.start();
      const { namespace, file } = pair.client;
      await dropIn(namespace, `udp sport ${PORT}`);
      expectCause(
        await doctor(namespace, file),
        /^firewall$/,
        /drops the tunnel's packets: udp sport 51820/,
      );
    },
    TEST_MS,
  );

  doctorTest(
    'reports that the server does not forward, and then that no route leads back',
    async ({ lab }) => {
      const pair = await makePair(lab, { clientAllows: ['198.18.2.0/24'] });
      const beyond = await lab.namespace('beyond');
      const [, farEnd] = await lab.link(pair.serverEnd.namespace, beyond);
      await pair.server.start();
      await pair.client.up();
      const { name, namespace } = pair.client;
      const ask = (): Promise<Report> => doctor(namespace, name, '--reach', farEnd.v4);
      const cause = expectCause(await ask(), /^beyond the peer$/, /does not forward packets/);
      expect(cause.hint).toContain('net.ipv4.ip_forward=1');
      await pair.serverEnd.namespace.mustRun(['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
      const next = expectCause(await ask(), /^beyond the peer$/, /there is no route back/);
      expect(next.hint).toContain('masquerade');
      await nft(
        pair.serverEnd.namespace,
        'add table ip nat; add chain ip nat postrouting { type nat hook postrouting priority 100; }; add rule ip nat postrouting masquerade',
      );
      expect((await ask()).cause).toBeNull();
    },
    TEST_MS,
  );

  doctorTest(
    'reports what collides with the network that this machine is in',
    async ({ lab }) => {
      const pair = await makePair(lab);
      const { namespace } = pair.client;
      const spec = clientSpec(newKeyPair(), {
        publicKey: newKeyPair().publicKey,
        allowedIps: ['198.18.1.0/24'],
      });
      const client = new Client(lab, namespace, spec);
      expectCause(
        await doctor(namespace, '--no-probe', client.file),
        /^local networks$/,
        /198\.18\.1\.0\/24 is also the network of veth1/,
      );
    },
    TEST_MS,
  );

  doctorTest(
    'reports that the tunnel would lead into itself',
    async ({ lab }) => {
      const pair = await makePair(lab);
      const { namespace } = pair.client;
      const spec = clientSpec(newKeyPair(), {
        publicKey: newKeyPair().publicKey,
        allowedIps: [`${pair.serverEnd.v4}/32`],
        endpoint: `${pair.serverEnd.v4}:${PORT}`,
      });
      const client = new Client(lab, namespace, spec);
      expectCause(await doctor(namespace, '--no-probe', client.file), /^loop$/, /into itself/);
      await client.up();
      expectCause(
        await doctor(namespace, client.name),
        /^endpoint$/,
        /routed into the tunnel itself/,
      );
      expect(client.spec().listenPort).toBe(CLIENT_PORT);
    },
    TEST_MS,
  );
});
