import { expect } from 'vitest';
import { eventually } from '../../support/waiting.js';
import { Hosts } from '../support/hosts.js';
import { type Lab, labTest } from '../support/lab.js';
import { describeSystem, isReference, TUNNEL } from '../support/requirements.js';
import { endpoint, INNER, makePair, type Pair, PORT } from '../support/topology.js';
import { ping, pingUntilAnswered } from '../support/traffic.js';
import { Client, newKeyPair, peersOf } from '../support/tunnel.js';

const NAME = 'vpn.example';
const MOVED = '198.18.1.3';
/** Nobody has it. */
const NOWHERE = '198.18.1.9';

/** A client that knows its server by name alone. */
async function clientOf(lab: Lab, pair: Pair, interfaceLine = ''): Promise<Client> {
  const { keys, addresses, peers } = pair.client.spec();
  const text = [
    '[Interface]',
    `PrivateKey = ${keys.privateKey}`,
    `Address = ${addresses.join(', ')}`,
    interfaceLine,
    '[Peer]',
    `PublicKey = ${peers[0]?.publicKey}`,
    `AllowedIPs = ${peers[0]?.allowedIps.join(', ')}`,
    `Endpoint = ${NAME}:${PORT}`,
  ].join('\n');
  return new Client(lab, pair.clientEnd.namespace, `${text}\n`);
}

const subjectTest = labTest.skipIf(isReference);

describeSystem('a server whose name changes', TUNNEL, () => {
  subjectTest('is found by its new address when it does not answer', async ({ lab }) => {
    const pair = await makePair(lab);
    const { namespace } = pair.clientEnd;
    const hosts = new Hosts(lab, namespace, { [NAME]: [NOWHERE] });
    const client = await clientOf(lab, pair);
    await pair.server.start();
    await client.up();
    expect((await client.peer()).endpoint).toBe(endpoint(NOWHERE, PORT));

    hosts.set({ [NAME]: [pair.serverEnd.v4] });
    await pingUntilAnswered(namespace, INNER.server.v4, 40_000);
    expect((await client.peer()).endpoint).toBe(endpoint(pair.serverEnd.v4, PORT));
  });

  subjectTest('is followed by ReresolveInterval while all is well', async ({ lab }) => {
    const pair = await makePair(lab);
    const { namespace } = pair.clientEnd;
    const hosts = new Hosts(lab, namespace, { [NAME]: [pair.serverEnd.v4] });
    const client = await clientOf(lab, pair, 'ReresolveInterval = 1');
    await pair.server.start();
    await client.up();
    expect(await ping(namespace, INNER.server.v4)).toMatchObject({ received: 3 });

    await pair.serverEnd.namespace.ip(`addr add ${MOVED}/24 dev ${pair.serverEnd.device}`);
    hosts.set({ [NAME]: [MOVED] });
    await eventually('the new endpoint', 40_000, async () => {
      return (await client.peer()).endpoint === endpoint(MOVED, PORT);
    });
    expect(await ping(namespace, INNER.server.v4)).toMatchObject({ received: 3 });
  });

  subjectTest('does not keep the other peers down, and is found later', async ({ lab }) => {
    const pair = await makePair(lab);
    const { namespace } = pair.clientEnd;
    const hosts = new Hosts(lab, namespace, {});
    const { keys, addresses, peers } = pair.client.spec();
    const stranger = newKeyPair();
    const text = [
      '[Interface]',
      `PrivateKey = ${keys.privateKey}`,
      `Address = ${addresses.join(', ')}`,
      '[Peer]',
      `PublicKey = ${stranger.publicKey}`,
      'AllowedIPs = 10.64.9.0/24',
      `Endpoint = ${NAME}:${PORT}`,
      '[Peer]',
      `PublicKey = ${peers[0]?.publicKey}`,
      `AllowedIPs = ${peers[0]?.allowedIps.join(', ')}`,
      `Endpoint = ${endpoint(pair.serverEnd.v4, PORT)}`,
    ];
    const client = new Client(lab, namespace, `${text.join('\n')}\n`);
    await pair.server.start();
    const { code, stderr } = await client.tryUp();
    expect(code).toBe(0);
    expect(stderr.match(/warning: .*/g)).toEqual([
      expect.stringMatching(`${stranger.publicKey.slice(0, 8)}.*${NAME}`),
    ]);
    expect(await ping(namespace, INNER.server.v4)).toMatchObject({ received: 3 });

    hosts.set({ [NAME]: [MOVED] });
    await eventually('the endpoint of the other', 60_000, async () => {
      const all = await peersOf(client.name);
      return all.some((peer) => peer.endpoint === endpoint(MOVED, PORT));
    });
  });
});
