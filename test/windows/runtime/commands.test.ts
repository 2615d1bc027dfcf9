/** up, show, logs and down as they are typed, over stand-ins for Wintun and the network. */
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  installTunnelService,
  tunnelService,
  uninstallTunnelService,
} from '../../../cli/service/windows/services.js';
import { ConfigStore } from '../../../cli/service/windows/store.js';
import { encodeKey } from '../../../src/config/key.js';
import { generatePrivateKey, publicKeyOf } from '../../../src/keys.js';
import { systemFolder } from '../../../system/windows/libraries.js';
import { useRecordedAdvapi32 } from '../support/advapi32.js';
import type { Ended } from '../support/children.js';
import { doublePath } from '../support/wintundouble.js';
import { main, NAME, preload, wgTs as run, succeeds as runWell } from './cli.js';

useRecordedAdvapi32();
const folder = mkdtempSync(path.join(tmpdir(), 'wg-ts-cli-'));
const file = path.join(folder, `${NAME}.conf`);
const wintun = path.join(systemFolder(), 'wintun.dll');

function configText(): string {
  const [own, peer] = [generatePrivateKey(), generatePrivateKey()];
  return `[Interface]
PrivateKey = ${encodeKey(own.expose())}
Address = 10.9.0.2/24
PostUp = echo hooked>"${folder}\\hooked"
[Peer]
PublicKey = ${encodeKey(publicKeyOf(peer))}
AllowedIPs = 10.9.0.0/24
Endpoint = 127.0.0.1:9
`;
}

const wgTs = (...args: string[]): Promise<Ended> => run(args);
const succeeds = (...args: string[]): Promise<string> => runWell(args);

beforeAll(() => {
  copyFileSync(doublePath('wintun'), wintun);
  writeFileSync(file, configText());
});
afterAll(async () => {
  if (tunnelService(NAME)) await uninstallTunnelService(NAME, { programs: path.join(folder, 'p') });
  rmSync(wintun, { force: true });
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
});

const hooked = (): boolean => existsSync(path.join(folder, 'hooked'));

describe('in the background', () => {
  it('a tunnel comes up, is shown, logs, and goes down', async () => {
    const up = await succeeds('up', file);
    expect(up).toContain('warning: PostUp is skipped without --allow-hooks: echo hooked');
    expect(up).toContain(`add address "${NAME}" 10.9.0.2/24`);
    expect(hooked()).toBe(false);
    const again = await wgTs('up', file);
    expect(again.output).toMatch(
      /^error: wgts-cli is already up \(pid \d+\): wg-ts down wgts-cli$/m,
    );
    expect(again.code).toBe(1);
    const [shown, log] = [await wgTs('show'), await wgTs('logs', NAME)];
    expect(shown.output).toMatch(/^interface: wgts-cli\n {2}public key: /);
    expect(log.output).toMatch(/^\S+ \S+ wgts-cli: up \(pid \d+, data plane portable\)$/m);
    expect(await succeeds('down', NAME)).toContain('[#] close the adapter wgts-cli');
    expect((await wgTs('down', NAME)).output).toContain('error: wgts-cli is not up');
    expect((await wgTs('logs', NAME)).output).toMatch(/ wgts-cli: down\n$/);
  });

  it('hooks run when they are allowed', async () => {
    expect(await succeeds('up', '--allow-hooks', file)).not.toContain('skipped');
    expect(hooked()).toBe(true);
    await succeeds('down', file);
  });
});

describe('as a service', () => {
  it('a stored tunnel comes up, is shown, logs, and goes down', async () => {
    const environment = path.join(folder, 'environment');
    const keys = ['WG_TS_WINE_PACKAGES', 'WG_TS_WINE_FOLDER'];
    writeFileSync(environment, keys.map((key) => `${key}=${process.env[key]}\n`).join(''));
    const hooks = new URL('../../wine/runner/hooks.mjs', import.meta.url).href;
    installTunnelService({
      name: NAME,
      config: new TextEncoder().encode(configText()),
      dataPlane: 'portable',
      program: {
        node: process.execPath,
        nodeOptions: [`--env-file=${environment}`, `--import=${hooks}`, preload],
        script: main,
      },
    });
    expect((await wgTs('check', NAME)).output).toContain('10.9.0.2/24');
    expect(await succeeds('up', NAME)).toBe(`[#] start the service of ${NAME}\n`);
    expect((await wgTs('service', 'list')).output).toMatch(/^wgts-cli {2}running \(pid \d+\)$/m);
    expect((await wgTs('show', NAME)).output).toMatch(/^interface: wgts-cli\n/);
    const log = await wgTs('logs', NAME);
    expect(log.output).toContain('wgts-cli: PostUp is skipped without --allow-hooks: echo hooked');
    expect(log.output).toMatch(/wgts-cli: up \(pid \d+, data plane portable\)$/m);
    expect(await succeeds('down', NAME)).toBe(`[#] stop the service of ${NAME}\n`);
    expect(tunnelService(NAME)).toMatchObject({ state: 'stopped', exitCode: 0 });
    await succeeds('service', 'uninstall', NAME);
    expect(tunnelService(NAME)).toBeUndefined();
    expect(new ConfigStore().has(NAME)).toBe(false);
  });
});
