import { expect } from 'vitest';
import { eventually } from '../../support/waiting.js';
import { type Lab, labTest } from '../support/lab.js';
import { describeSystem, isReference, type Need, TUNNEL } from '../support/requirements.js';
import { clientSpec, INNER, makeRouter, PORT, startServer } from '../support/topology.js';
import { ping } from '../support/traffic.js';
import { Client, command } from '../support/tunnel.js';

const NEEDS: readonly Need[] = [...TUNNEL, 'nft'];
const SMALL_MTU = 1300;
/** The largest multiple of 16 with 60 bytes of IPv4, UDP and WireGuard around it. */
const PASSES = 1232;
const TEST_MS = 240_000;

/**
 * A black hole: the router between both has a cable of 1300 bytes on the other side, and never says
 * so. `mtuLine` is for [Interface].
 */
async function behindBlackHole(lab: Lab, mtuLine: string): Promise<Client> {
  const [here, router, there] = [
    await lab.namespace('client'),
    await lab.namespace('router'),
    await lab.namespace('server'),
  ];
  const [clientEnd, nearEnd] = await lab.link(here, router);
  const [farEnd, serverEnd] = await lab.link(router, there);
  await makeRouter(router);
  await here.ip(`route add default via ${nearEnd.v4}`);
  await there.ip(`route add default via ${farEnd.v4}`);
  for (const end of [farEnd, serverEnd])
    await end.namespace.ip(`link set ${end.device} mtu ${SMALL_MTU}`);
  await router.mustRun([
    'nft',
    'add table ip t; add chain ip t c { type filter hook output priority 0; }; add rule ip t c icmp type destination-unreachable drop',
  ]);
  const { ours, theirs } = await startServer(lab, there);
  const { addresses, peers } = clientSpec(ours, {
    publicKey: theirs.publicKey,
    allowedIps: [`${INNER.server.v4}/32`],
    endpoint: `${serverEnd.v4}:${PORT}`,
  });
  expect(clientEnd.device).toBe('veth1');
  const [peer] = peers;
  const client = new Client(
    lab,
    here,
    `[Interface]\nPrivateKey = ${ours.privateKey}\nAddress = ${addresses[0]}\n${mtuLine}
[Peer]\nPublicKey = ${peer?.publicKey}\nAllowedIPs = ${peer?.allowedIps}\nEndpoint = ${peer?.endpoint}
PersistentKeepalive = 25\n`,
  );
  await client.up();
  return client;
}

async function mtuOf({ namespace, name }: Client): Promise<number> {
  const text = await namespace.ip(`-json link show dev ${name}`);
  return (JSON.parse(text) as [{ mtu: number }])[0].mtu;
}

describeSystem('a path that swallows large packets', NEEDS, () => {
  const subjectTest = labTest.skipIf(isReference);

  subjectTest(
    'is measured with MTU = probe',
    async ({ lab }) => {
      const client = await behindBlackHole(lab, 'MTU = probe');
      await eventually('the MTU', 60_000, async () => (await mtuOf(client)) === PASSES);
      const size = PASSES - 28;
      expect(await ping(client.namespace, INNER.server.v4, { size })).toMatchObject({
        received: 3,
      });
      const { stdout, stderr } = await client.namespace.run(command('logs', client.name));
      expect(stdout + stderr).toContain(`MTU ${PASSES} from now on`);
    },
    TEST_MS,
  );

  subjectTest(
    'is what the doctor finds',
    async ({ lab }) => {
      const client = await behindBlackHole(lab, '');
      const before = await mtuOf(client);
      const { stdout, code } = await client.namespace.run(command('doctor', client.name), {
        timeoutMs: 60_000,
      });
      expect(stdout).toMatch(/PROBLEM {2}MTU: packets of more than 1232 bytes are lost/);
      expect(stdout).toContain(`do: MTU = ${PASSES} in [Interface]`);
      expect(code).toBe(1);
      expect(await mtuOf(client)).toBe(before);
    },
    TEST_MS,
  );
});
