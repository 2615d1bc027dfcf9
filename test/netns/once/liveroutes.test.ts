import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { type Lab, labTest } from '../support/lab.js';
import { describeSystem, LIBRARY } from '../support/requirements.js';
import { newKeyPair } from '../support/tunnel.js';

const HOST: string = fileURLToPath(new URL('../support/liveroutes.mjs', import.meta.url));

interface Outcome {
  readonly result: string;
  /** But for those of the interface's own addresses. */
  readonly routes: readonly string[];
  readonly peers: number;
}

type Step = readonly [method: 'addPeer' | 'removePeer' | 'setConfig', argument: unknown];

async function embed(lab: Lab, steps: readonly Step[]): Promise<Outcome[]> {
  const namespace = await lab.namespace('program');
  await namespace.ip('link add other type veth peer name far');
  await namespace.ip('link set far up');
  await namespace.ip('link set other up');
  await namespace.ip('route add 10.99.0.0/16 dev other');
  const before = await namespace.snapshot();
  const argv = [process.execPath, HOST, LIBRARY, lab.interfaceName(), JSON.stringify(steps)];
  const output = await namespace.mustRun(argv);
  expect(await namespace.snapshot()).toBe(before);
  return output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Outcome);
}

describeSystem('routes of a tunnel that a program changes', ['namespaces', 'tun', 'cli'], () => {
  labTest('come and go with the AllowedIPs of its peers', async ({ lab }) => {
    const [a, b] = [(await newKeyPair()).publicKey, (await newKeyPair()).publicKey];
    const outcomes = await embed(lab, [
      ['addPeer', { publicKey: a, allowedIps: ['10.66.0.2/32', '10.77.0.0/16', 'fd77::/64'] }],
      ['addPeer', { publicKey: b, allowedIps: ['10.78.0.0/16', 'fd77::/64'] }],
      ['addPeer', { publicKey: a, allowedIps: ['10.79.0.0/16'] }],
      ['removePeer', b],
      ['setConfig', [{ publicKey: b, allowedIps: '10.80.0.0/16' }]],
      ['setConfig', []],
    ]);
    expect(outcomes).toEqual([
      { result: 'done', routes: ['10.77.0.0/16', 'fd77::/64'], peers: 1 },
      { result: 'done', routes: ['10.77.0.0/16', '10.78.0.0/16', 'fd77::/64'], peers: 2 },
      { result: 'done', routes: ['10.78.0.0/16', '10.79.0.0/16', 'fd77::/64'], peers: 2 },
      { result: 'done', routes: ['10.79.0.0/16'], peers: 1 },
      { result: 'done', routes: ['10.80.0.0/16'], peers: 1 },
      { result: 'done', routes: [], peers: 0 },
    ]);
  });

  labTest('are refused without a change if taken already, or a default route', async ({ lab }) => {
    const [a, b] = [(await newKeyPair()).publicKey, (await newKeyPair()).publicKey];
    const outcomes = await embed(lab, [
      ['addPeer', { publicKey: a, allowedIps: ['10.77.0.0/16'] }],
      ['addPeer', { publicKey: b, allowedIps: ['10.78.0.0/16', '10.99.0.0/16'] }],
      ['addPeer', { publicKey: b, allowedIps: ['10.78.0.0/16', '0.0.0.0/0'] }],
    ]);
    const asBefore = { routes: ['10.77.0.0/16'], peers: 1 };
    expect(outcomes).toEqual([
      { result: 'done', ...asBefore },
      { result: 'ERR_ROUTE_IN_USE', ...asBefore },
      { result: 'ERR_RESTART_NEEDED', ...asBefore },
    ]);
  });
});
