import { chmodSync, chownSync } from 'node:fs';
import { expect } from 'vitest';
import { type Lab, labTest, type Namespace } from '../support/lab.js';
import { type RunResult, run } from '../support/process.js';
import { describeSystem, isReference, TUNNEL } from '../support/requirements.js';
import { CLIENT_PORT, clientSpec, INNER, makePair } from '../support/topology.js';
import { Client, command, newKeyPair, type TunnelSpec } from '../support/tunnel.js';

const NOBODY = 65534;

function usualSpec(endpoint = '198.18.1.2:51820'): TunnelSpec {
  return clientSpec(newKeyPair(), {
    publicKey: newKeyPair().publicKey,
    allowedIps: [`${INNER.server.v4}/32`],
    endpoint,
  });
}

/** The lines of stderr that are neither a step, as wg-quick prints them, nor a hint what to do. */
function complaints(stderr: string): string[] {
  const lines = stderr.trimEnd().split('\n');
  return lines.filter((line) => !line.startsWith('[#] ') && !line.startsWith('hint: '));
}

/** Runs `up`, which has to say why it fails and leave everything as it was. Returns what it says. */
async function expectRefusal(
  lab: Lab,
  client: Client,
  up: () => Promise<RunResult> = () => client.tryUp(),
): Promise<string> {
  const before = await client.namespace.snapshot();
  const result = await up();
  expect(result.timedOut).toBe(false);
  expect(result.code).toBeGreaterThan(0);
  const said = complaints(result.stderr);
  expect(said.length).toBeGreaterThan(0);
  for (const line of said) expect(line).toMatch(/^error: ./);
  expect(await client.daemons()).toEqual([]);
  expect(await client.namespace.snapshot()).toBe(before);
  expect(lab.traces()).toEqual([]);
  return said.join('\n');
}

async function networked(lab: Lab): Promise<Namespace> {
  return (await lab.link(await lab.namespace('client'), await lab.namespace('server')))[0]
    .namespace;
}

// wg-quick echoes its commands to stderr, so none of this can be asked of it.
describeSystem('an up that cannot succeed', [...TUNNEL, 'setpriv'], () => {
  const subjectTest = labTest.skipIf(isReference);

  subjectTest('because the port is in use', async ({ lab }) => {
    const namespace = await networked(lab);
    const script = `
      const { createSocket } = require('node:dgram');
      createSocket({ type: 'udp6', ipv6Only: false }).bind(${CLIENT_PORT}, () => console.log('bound'));`;
    const holder = namespace.spawn([process.execPath, '-e', script]);
    await holder.says(/bound/);
    const message = await expectRefusal(lab, new Client(lab, namespace, usualSpec()));
    expect(message).toContain(String(CLIENT_PORT));
    await holder.stop();
  });

  subjectTest('because another program has an interface of that name', async ({ lab }) => {
    const namespace = await networked(lab);
    const client = new Client(lab, namespace, usualSpec());
    await namespace.ip(`tuntap add dev ${client.name} mode tun`);
    expect(await expectRefusal(lab, client)).toContain(client.name);
  });

  subjectTest('because one of its routes is there already', async ({ lab }) => {
    const namespace = await networked(lab);
    await namespace.ip(`route add ${INNER.server.v4}/32 dev veth1`);
    await expectRefusal(lab, new Client(lab, namespace, usualSpec()));
  });

  subjectTest('because there is no /dev/net/tun', async ({ lab }) => {
    const namespace = await networked(lab);
    const client = new Client(lab, namespace, usualSpec());
    const hidden = 'mount -t tmpfs none /dev/net && exec "$@"';
    const up = ['unshare', '--mount', 'sh', '-c', hidden, '-', ...command('up', client.file)];
    const message = await expectRefusal(lab, client, () => run(namespace.inside(up)));
    expect(message).toContain('there is no /dev/net/tun: run `modprobe tun`');
  });

  subjectTest('because the endpoint’s name does not exist', async ({ lab }) => {
    const namespace = await networked(lab);
    const client = new Client(lab, namespace, usualSpec('nowhere.invalid:51820'));
    const up = () => client.tryUp({ WG_ENDPOINT_RESOLUTION_RETRIES: '0' });
    expect(await expectRefusal(lab, client, up)).toContain('nowhere.invalid');
  });

  for (const [what, ...privileges] of [
    [
      'it runs as another user than root',
      `--reuid=${NOBODY}`,
      `--regid=${NOBODY}`,
      '--clear-groups',
      // So that the checkout may lie in a folder of root's.
      '--inh-caps=-all,+dac_read_search',
      '--ambient-caps=+dac_read_search',
    ],
    ['root lacks the right to administer networks', '--bounding-set=-net_admin'],
  ])
    subjectTest(`because ${what}`, async ({ lab }) => {
      const namespace = await networked(lab);
      const client = new Client(lab, namespace, usualSpec());
      chmodSync(lab.folder, 0o711);
      if (privileges.length > 1) chownSync(client.file, NOBODY, NOBODY);
      const up = ['setpriv', ...privileges, ...command('up', client.file)];
      const message = await expectRefusal(lab, client, () => run(namespace.inside(up)));
      expect(message).toMatch(/root|privilege|permi|CAP_NET_ADMIN/i);
    });

  const secret = newKeyPair().privateKey;
  const mistakes: readonly (readonly [string, string, RegExp])[] = [
    ['is empty', '', /PrivateKey|\[?Interface/i],
    ['is no configuration', 'hello\n', /:1\b|line 1/],
    ['has no private key', '[Interface]\nListenPort = 1\n', /PrivateKey/],
    ['has a damaged key', `[Interface]\nPrivateKey = ${secret.slice(0, -5)}\n`, /PrivateKey|key/i],
    [
      'has a misspelt key',
      `[Interface]\nPrivateKey = ${secret}\n[Peer]\nPublicKey = ${newKeyPair().publicKey}\nAllowedIP = 10.0.0.0/8\n`,
      /AllowedIP/,
    ],
    [
      'has a bad address',
      `[Interface]\nPrivateKey = ${secret}\nAddress = 10.0.0.300\n`,
      /Address/i,
    ],
  ];
  for (const [what, text, pattern] of mistakes)
    subjectTest(`because its file ${what}`, async ({ lab }) => {
      const client = new Client(lab, await lab.namespace('client'), text);
      const message = await expectRefusal(lab, client);
      expect(message).toMatch(pattern);
      expect(message).not.toContain(secret.slice(0, 12));
    });

  subjectTest('because there is no such file', async ({ lab }) => {
    const client = new Client(lab, await lab.namespace('client'), usualSpec());
    const missing = `${client.file}.missing.conf`;
    const up = () => client.namespace.run(command('up', missing));
    expect(await expectRefusal(lab, client, up)).toContain('missing');
  });

  subjectTest('because a hook of its own fails: the rest is undone', async ({ lab }) => {
    const { client, clientEnd } = await makePair(lab);
    const failing = new Client(
      lab,
      clientEnd.namespace,
      [
        '[Interface]',
        `PrivateKey = ${newKeyPair().privateKey}`,
        `Address = ${INNER.client.v4}/24`,
        'PostUp = exit 3',
        '[Peer]',
        `PublicKey = ${newKeyPair().publicKey}`,
        'AllowedIPs = 0.0.0.0/0, ::/0',
        'Endpoint = 198.18.1.2:51820',
        '',
      ].join('\n'),
    );
    await expectRefusal(lab, failing);
    expect(await client.daemons()).toEqual([]);
  });
});
