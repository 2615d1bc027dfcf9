import { expect } from 'vitest';
import { Hosts } from '../support/hosts.js';
import { type Lab, labTest } from '../support/lab.js';
import { describeSystem, isReference, TUNNEL } from '../support/requirements.js';
import { endpoint, INNER, makePair, type Pair, PORT } from '../support/topology.js';
import { pingUntilAnswered } from '../support/traffic.js';
import { Client } from '../support/tunnel.js';

const NAME = 'vpn.example';
/** Nobody has them. */
const NOWHERE = { v4: '198.18.1.9', v6: '2001:db8:1::9' } as const;

async function connects(lab: Lab, pair: Pair, endpoints: string): Promise<string> {
  const { keys, addresses, peers } = pair.client.spec();
  const text = [
    '[Interface]',
    `PrivateKey = ${keys.privateKey}`,
    `Address = ${addresses.join(', ')}`,
    '[Peer]',
    `PublicKey = ${peers[0]?.publicKey}`,
    `AllowedIPs = ${peers[0]?.allowedIps.join(', ')}`,
    `Endpoint = ${endpoints}`,
  ].join('\n');
  const { namespace } = pair.clientEnd;
  const client = new Client(lab, namespace, `${text}\n`);
  await pair.server.start();
  await client.up();
  await pingUntilAnswered(namespace, INNER.server.v4, 40_000);
  return (await client.peer()).endpoint;
}

const subjectTest = labTest.skipIf(isReference);

describeSystem('a server that is not at the address tried first', TUNNEL, () => {
  subjectTest('is found at the other address of its name', async ({ lab }) => {
    const pair = await makePair(lab);
    const { v4 } = pair.serverEnd;
    new Hosts(lab, pair.clientEnd.namespace, { [NAME]: [NOWHERE.v6, v4] });
    expect(await connects(lab, pair, `${NAME}:${PORT}`)).toBe(endpoint(v4, PORT));
  });

  subjectTest('is found at another endpoint', async ({ lab }) => {
    const pair = await makePair(lab);
    const { v6 } = pair.serverEnd;
    const endpoints = `${endpoint(NOWHERE.v4, PORT)}, ${endpoint(v6, PORT)}`;
    expect(await connects(lab, pair, endpoints)).toBe(endpoint(v6, PORT));
  });

  subjectTest('is found although the first name does not exist', async ({ lab }) => {
    const pair = await makePair(lab);
    const { v4 } = pair.serverEnd;
    new Hosts(lab, pair.clientEnd.namespace, { [NAME]: [v4] });
    const endpoints = `none.invalid:${PORT}, ${NAME}:${PORT}`;
    expect(await connects(lab, pair, endpoints)).toBe(endpoint(v4, PORT));
  });
});
