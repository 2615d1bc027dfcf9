/** The verbs of wg(8) on a tunnel that is up, by its pipe. */
import type { Socket } from 'node:dgram';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeKey } from '../../../src/config/key.js';
import { generatePresharedKey, generatePrivateKey, publicKeyOf } from '../../../src/keys.js';
import { systemFolder } from '../../../system/windows/libraries.js';
import { freePort, holdPort, takePort } from '../../support/ports.js';
import { doublePath } from '../support/wintundouble.js';
import { type CliOptions, NAME, succeeds, wgTs } from './cli.js';

const folder = mkdtempSync(path.join(tmpdir(), 'wg-ts-verbs-'));
const wintun = path.join(systemFolder(), 'wintun.dll');
const [own, a, b] = [generatePrivateKey(), generatePrivateKey(), generatePrivateKey()];
const [keyA, keyB] = [a, b].map((key) => encodeKey(publicKeyOf(key))) as [string, string];
const privateKey = encodeKey(own.expose());
const psk = encodeKey(generatePresharedKey().expose());
const sockets: Socket[] = [];

beforeAll(() => copyFileSync(doublePath('wintun'), wintun));
afterAll(() => {
  for (const socket of sockets) socket.close();
  rmSync(wintun, { force: true });
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
});

function fileOf(name: string, text: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
}

const isFree = (port: number): Promise<boolean> =>
  takePort(port).then(
    () => true,
    () => false,
  );

const sectionA = `[Peer]\nPublicKey = ${keyA}\nAllowedIPs = 10.9.0.0/24\nEndpoint = 127.0.0.1:9\n`;

describe.each(['portable', 'native'] as const)('a tunnel that is up (%s)', (dataPlane) => {
  const config = fileOf(
    `${NAME}.conf`,
    `[Interface]\nPrivateKey = ${privateKey}\nAddress = 10.9.0.2/24\n${sectionA}`,
  );
  const byUs = (args: string[], more: CliOptions = {}): Promise<string> =>
    succeeds(args, { dataPlane, ...more });
  const set = (...args: string[]): Promise<string> => byUs(['set', NAME, ...args]);
  const conf = (): Promise<string> => byUs(['showconf', NAME]);
  const portOf = (text: string): number => Number(/ListenPort = (\d+)/.exec(text)?.[1]);

  beforeAll(async () => {
    expect(await byUs(['up', config])).toContain('add address');
    const log = (await byUs(['logs', NAME])).split('\n').filter((line) => /: up /.test(line));
    expect(log.at(-1)).toContain(`data plane ${dataPlane}`);
  });
  afterAll(async () => {
    await byUs(['down', NAME]);
    expect((await wgTs(['showconf', NAME])).code).toBe(1);
  });

  it('is shown with its keys', async () => {
    const shown = await conf();
    expect(shown).toContain(`PrivateKey = ${privateKey}\n`);
    expect(shown).toContain(sectionA);
    expect(await isFree(portOf(shown))).toBe(false);
  });

  it('listens on another port', async () => {
    const former = portOf(await conf());
    const port = await freePort();
    expect(await set('listen-port', String(port))).toBe('');
    expect(portOf(await conf())).toBe(port);
    expect([await isFree(former), await isFree(port)]).toEqual([true, false]);
  });

  it('stays on its port when the other one is taken, and says why', async () => {
    const other = await holdPort();
    sockets.push(other);
    const before = await conf();
    const { port } = other.address();
    const refused = await wgTs(['set', NAME, 'listen-port', String(port), 'peer', keyA, 'remove']);
    expect(refused.code).toBe(1);
    expect(refused.output).toBe(
      `error: Unable to modify interface ${NAME}: Address already in use\nhint: choose another listen port, or 0 for any free one\n`,
    );
    expect(await conf()).toBe(before);
  });

  it('has no firewall mark', async () => {
    const refused = await wgTs(['set', NAME, 'fwmark', '1']);
    expect(refused.code).toBe(1);
    expect(refused.output).toMatch(
      /Operation not permitted\nhint: a firewall mark needs root on Linux/,
    );
    await set('fwmark', 'off');
  });

  it('gets a peer, changes it, and loses it', async () => {
    const pskFile = fileOf('psk', `${psk}\r\n`);
    const networks = '10.9.1.0/24,fd09::/64';
    await set('peer', keyB, 'preshared-key', pskFile, 'allowed-ips', networks);
    await set('peer', keyB, 'endpoint', '127.0.0.1:7', 'persistent-keepalive', '25');
    const peerB = `[Peer]\nPublicKey = ${keyB}\nPresharedKey = ${psk}\nAllowedIPs = 10.9.1.0/24, fd09::/64\nEndpoint = 127.0.0.1:7\nPersistentKeepalive = 25\n`;
    expect(await conf()).toContain(peerB);
    await set('peer', keyB, 'preshared-key', '/dev/null', 'allowed-ips', '-fd09::/64');
    expect(await conf()).toContain(
      peerB.replace(`PresharedKey = ${psk}\n`, '').replace(', fd09::/64', ''),
    );
    await set('peer', keyB, 'remove');
    expect(await conf()).not.toContain(keyB);
  });

  it('is brought up to a file, which may be standard input', async () => {
    const before = await conf();
    const file = fileOf('changed', `${before}\n[Peer]\nPublicKey = ${keyB}\n`);
    expect(await byUs(['syncconf', NAME, file])).toBe('');
    expect(await conf()).toContain(keyB);
    const stdin = fileOf('before', before);
    for (const name of ['-', '/dev/stdin']) {
      expect(await byUs(['addconf', NAME, file])).toBe('');
      expect(await byUs(['syncconf', NAME, name], { stdin })).toBe('');
      expect(await conf()).toBe(before);
    }
    await byUs(['setconf', NAME, file]);
    expect(await conf()).toContain(keyB);
    await byUs(['setconf', NAME, '/dev/null']);
    expect(await conf()).toMatch(/^\[Interface\]\nListenPort = \d+\n\s*$/);
  });
});
