import { readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect } from 'vitest';
import { eventually } from '../../support/waiting.js';
import { type Lab, labTest } from '../support/lab.js';
import { mustRun, run } from '../support/process.js';
import { describeSystem, isReference, TUNNEL } from '../support/requirements.js';
import {
  CLIENT_PORT,
  endpoint,
  INNER,
  makePair,
  type Pair,
  PORT,
  startPair,
} from '../support/topology.js';
import { ping, pingUntilAnswered } from '../support/traffic.js';
import { newKeyPair, newPresharedKey, peerOf, peersOf } from '../support/tunnel.js';

function fileOf(lab: Lab, name: string, text: string): string {
  const file = join(lab.folder, name);
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

const wg = (...args: readonly string[]): Promise<string> => mustRun(['wg', ...args]);

/** For what is not answered. */
const IN_VAIN = { count: 1, patienceSeconds: 2 };

async function reach(pair: Pair): Promise<number> {
  return (await ping(pair.client.namespace, INNER.server.v4)).received;
}

/** Pings all along `work`; no more than `lost` answers may be missing. */
async function withTraffic(pair: Pair, work: () => Promise<void>, lost = 0): Promise<void> {
  const pinging = ping(pair.client.namespace, INNER.server.v4, {
    count: 60,
    intervalSeconds: 0.02,
  });
  await work();
  const { sent, received } = await pinging;
  expect(sent).toBe(60);
  expect(received).toBeGreaterThanOrEqual(60 - lost);
}

describeSystem('changes by wg', TUNNEL, () => {
  labTest('of peers go unnoticed by others', async ({ lab }) => {
    const pair = await startPair(lab, { withPresharedKey: true });
    const { name } = pair.client;
    expect(await reach(pair)).toBe(3);
    const { latestHandshake, publicKey } = await pair.client.peer();
    const other = newKeyPair().publicKey;

    await withTraffic(pair, async () => {
      await wg(
        'set',
        name,
        'peer',
        other,
        'allowed-ips',
        '192.0.2.0/24,2001:db8::/32',
        'endpoint',
        '[::1]:7',
        'persistent-keepalive',
        '9',
      );
      expect(await wg('show', name, 'allowed-ips')).toContain(
        `${other}\t192.0.2.0/24 2001:db8::/32\n`,
      );
      expect(await wg('show', name, 'persistent-keepalive')).toContain(`${other}\t9\n`);
      expect(await wg('show', name, 'endpoints')).toContain(`${other}\t[::1]:7\n`);
      // An allowed IP moves to the peer that got it last.
      await wg(
        'set',
        name,
        'peer',
        publicKey,
        'allowed-ips',
        `${INNER.server.v4}/32,${INNER.server.v6}/128,192.0.2.0/24`,
      );
      expect(await wg('show', name, 'allowed-ips')).toContain(`${other}\t2001:db8::/32\n`);
      await wg('set', name, 'peer', other, 'remove');
    });
    expect(await wg('show', name, 'peers')).toBe(`${publicKey}\n`);
    expect((await pair.client.peer()).latestHandshake).toBe(latestHandshake);
  });

  labTest('of everything, while sessions go on', async ({ lab }) => {
    const pair = await startPair(lab, { withPresharedKey: true });
    const { name } = pair.client;
    expect(await reach(pair)).toBe(3);
    const before = await pair.client.peer();
    const other = newKeyPair().publicKey;
    const running = fileOf(lab, 'running.conf', await wg('showconf', name));
    const more = fileOf(
      lab,
      'more.conf',
      `[Peer]\nPublicKey = ${other}\nAllowedIPs = 192.0.2.9/32\n`,
    );

    await withTraffic(pair, async () => {
      await wg('addconf', name, more);
      expect(await peersOf(name)).toHaveLength(2);
      await wg('syncconf', name, running);
      expect(await peersOf(name)).toHaveLength(1);
      await wg('addconf', name, more);
      await wg('setconf', name, running);
    });
    const after = await peerOf(name);
    expect(after).toMatchObject({
      publicKey: before.publicKey,
      latestHandshake: before.latestHandshake,
    });
    expect(await wg('showconf', name)).toBe(await mustRun(['cat', running]));
  });

  labTest('of the port, under traffic', async ({ lab }) => {
    const pair = await startPair(lab);
    const { name, namespace } = pair.client;
    expect(await reach(pair)).toBe(3);
    // An answer may be on its way to the old port.
    await withTraffic(pair, async () => void (await wg('set', name, 'listen-port', '40404')), 1);
    expect(await wg('show', name, 'listen-port')).toBe('40404\n');
    const { endpoint: seen } = await pair.server.peer();
    expect(seen).toBe(endpoint(pair.clientEnd.v4, 40_404));
    // And the one from before is free.
    const sockets = await namespace.mustRun(['ss', '-Hlun']);
    expect(sockets).toContain(':40404 ');
    expect(sockets).not.toContain(`:${CLIENT_PORT} `);
    await wg('set', name, 'listen-port', '0');
    expect(await wg('show', name, 'listen-port')).not.toBe('40404\n');
    expect(await reach(pair)).toBe(3);
  });

  labTest('are refused as a whole when the port is taken', async ({ lab }) => {
    const pair = await startPair(lab);
    const { name, namespace } = pair.client;
    namespace.spawn([process.execPath, '-e', "require('dgram').createSocket('udp4').bind(40405)"]);
    await eventually('the port is taken', 40_000, async () =>
      (await namespace.mustRun(['ss', '-Hlun'])).includes(':40405 '),
    );
    const other = newKeyPair().publicKey;
    const result = await run([
      'wg',
      'set',
      name,
      'listen-port',
      '40405',
      'fwmark',
      '9',
      'peer',
      other,
    ]);
    expect(result).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Address already in use'),
    });
    expect(await wg('show', name, 'listen-port')).toBe(`${CLIENT_PORT}\n`);
    expect(await wg('show', name, 'fwmark')).toBe('off\n');
    expect(await peersOf(name)).toHaveLength(1);
    expect(await reach(pair)).toBe(3);
  });

  labTest.skipIf(isReference)('of the firewall mark', async ({ lab }) => {
    const pair = await startPair(lab);
    const { name, namespace } = pair.client;
    const rules = fileOf(
      lab,
      'rules.nft',
      `table inet t { chain o { type filter hook output priority 0; udp dport ${PORT} meta mark 0xbeef counter comment "marked"; }; }`,
    );
    await namespace.mustRun(['nft', '-f', rules]);
    await wg('set', name, 'fwmark', '0xbeef');
    expect(await wg('show', name, 'fwmark')).toBe('0xbeef\n');
    expect(await reach(pair)).toBe(3);
    const marked = /packets (\d+)/.exec(
      await namespace.mustRun(['nft', 'list', 'table', 'inet', 't']),
    )?.[1];
    expect(Number(marked)).toBeGreaterThanOrEqual(4);
    await wg('set', name, 'fwmark', 'off');
    expect(await wg('show', name, 'fwmark')).toBe('off\n');
  });

  labTest('of keys on both sides', async ({ lab }) => {
    const pair = await startPair(lab);
    const { name } = pair.client;
    expect(await reach(pair)).toBe(3);
    const next = newKeyPair();
    const server = pair.server.spec.keys.publicKey;
    const psk = fileOf(lab, 'psk', newPresharedKey());
    await wg('set', name, 'private-key', fileOf(lab, 'key', next.privateKey));
    expect(await wg('show', name, 'public-key')).toBe(`${next.publicKey}\n`);
    expect(await wg('show', name, 'private-key')).toBe(`${next.privateKey}\n`);
    expect(await ping(pair.client.namespace, INNER.server.v4, IN_VAIN)).toMatchObject({
      received: 0,
    });
    await wg('set', pair.server.name, 'peer', pair.client.spec().keys.publicKey, 'remove');
    await wg(
      'set',
      pair.server.name,
      'peer',
      next.publicKey,
      'preshared-key',
      psk,
      'allowed-ips',
      `${INNER.client.v4}/32`,
    );
    await wg('set', name, 'peer', server, 'preshared-key', psk);
    // The new keys are agreed on.
    await pingUntilAnswered(pair.client.namespace, INNER.server.v4, 30_000);
    // Without a private key there is no public one, and nothing goes out.
    await wg('set', name, 'private-key', '/dev/null');
    expect(await wg('show', name, 'public-key')).toBe('(none)\n');
    expect(await ping(pair.client.namespace, INNER.server.v4, IN_VAIN)).toMatchObject({
      received: 0,
    });
  });

  labTest('may set the private key, as a command in the file does', async ({ lab }) => {
    const pair = await makePair(lab);
    const { name } = pair.client;
    const key = fileOf(lab, 'key', pair.client.spec().keys.privateKey);
    const text = readFileSync(pair.client.file, 'utf8');
    writeFileSync(
      pair.client.file,
      text.replace(/^PrivateKey.*$/m, `PostUp = wg set %i private-key ${key}`),
    );
    await pair.server.start();
    await pair.client.up();
    expect(await wg('show', name, 'public-key')).toBe(`${pair.client.spec().keys.publicKey}\n`);
    expect(await reach(pair)).toBe(3);
  });

  labTest.skipIf(isReference)('are not disturbed by hostile clients', async ({ lab }) => {
    const pair = await startPair(lab);
    const { name } = pair.client;
    expect(await reach(pair)).toBe(3);
    const sockets: Socket[] = [];
    lab.onClose(async () => {
      for (const socket of sockets) socket.destroy();
    });
    const flood = Buffer.alloc(64 * 1024, 'set=1\nfwmark=1');
    await withTraffic(pair, async () => {
      for (let i = 0; i < 60; i++) {
        const socket = connect(`/var/run/wireguard/${name}.sock`);
        socket.on('error', () => undefined);
        sockets.push(socket);
        if (i % 3 === 0) for (let n = 0; n < 100; n++) socket.write(flood);
        else socket.write(i % 3 === 1 ? '\0\n\n=\n\n' : 'get=1\n');
      }
      await new Promise((resolve) => setTimeout(resolve, 500));
      for (const socket of sockets.splice(0)) socket.destroy();
    });
    await eventually(
      'wg is answered again',
      40_000,
      async () => (await run(['wg', 'show', name, 'fwmark'])).stdout === 'off\n',
    );
  });
});
