/** Services by Wine's own service control manager; what it does not keep is seen on the way to it. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readRingLog } from '../../../cli/runtime/ringlog.js';
import { StateFolder } from '../../../cli/runtime/state.js';
import { controlPipe, requestLog, requestStop } from '../../../cli/runtime/stoppipe.js';
import { runTunnelService } from '../../../cli/service/windows/run.js';
import {
  type InstallOptions,
  installTunnelService,
  listTunnelServices,
  serviceNameOf,
  startTunnelService,
  stopTunnelService,
  tunnelService,
  uninstallTunnelService,
} from '../../../cli/service/windows/services.js';
import { ConfigStore, readStoredConfig } from '../../../cli/service/windows/store.js';
import { openEventLog } from '../../../system/windows/eventlog.js';
import { serviceCommandLine } from '../../../system/windows/service/manager.js';
import * as structs from '../../../system/windows/service/structs.js';
import { waitFor } from '../../support/waiting.js';
import { useRecordedAdvapi32 } from '../support/advapi32.js';

const advapi32 = useRecordedAdvapi32();
const folder = mkdtempSync(path.join(tmpdir(), 'wg-ts-service-'));
const environment = path.join(folder, 'environment');
const TEXT = '[Interface]\nPrivateKey = secret\n';

// A service has none of the tests' environment.
writeFileSync(
  environment,
  ['WG_TS_WINE_PACKAGES', 'WG_TS_WINE_FOLDER']
    .map((key) => `${key}=${process.env[key]}\n`)
    .join(''),
);

const program = {
  node: process.execPath,
  nodeOptions: [
    `--env-file=${environment}`,
    `--import=${new URL('../../wine/runner/hooks.mjs', import.meta.url).href}`,
  ],
  script: fileURLToPath(new URL('program.ts', import.meta.url)),
};

function install(name: string, more: Partial<InstallOptions> = {}): void {
  installTunnelService({ name, config: new TextEncoder().encode(TEXT), program, ...more });
}

const programs = path.join(folder, 'programs');
const uninstall = (name: string): Promise<void> => uninstallTunnelService(name, { programs });
const logOf = (name: string): string[] =>
  readRingLog(new StateFolder().logFile(name)).split('\n').filter(Boolean);

beforeEach(() => advapi32.forget());
afterEach(async () => {
  for (const { name } of listTunnelServices()) await uninstall(name);
});
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));

describe('a service', () => {
  it('lives from install to uninstall', async () => {
    expect(tunnelService('office')).toBeUndefined();
    install('office', { allowHooks: true, dataPlane: 'portable', workers: 2 });
    expect(listTunnelServices()).toEqual([{ name: 'office', state: 'stopped', pid: 0 }]);
    await startTunnelService('office');
    const { pid = 0 } = tunnelService('office') ?? {};
    expect(listTunnelServices()).toEqual([{ name: 'office', state: 'running', pid }]);
    expect(pid).toBeGreaterThan(0);
    await startTunnelService('office');
    await stopTunnelService('office');
    expect(tunnelService('office')).toMatchObject({ state: 'stopped', exitCode: 0 });
    expect(logOf('office')).toEqual([
      'started with service run --allow-hooks --data-plane portable --workers 2 -- office',
      'up',
      'down by Windows',
    ]);
    await stopTunnelService('office');
    const store = new ConfigStore();
    expect(readStoredConfig(store.fileOf('office'))).toBe(TEXT);
    await uninstall('office');
    expect(tunnelService('office')).toBeUndefined();
    expect(store.has('office')).toBe(false);
    expect(existsSync(new StateFolder().logFile('office'))).toBe(false);
  });

  it('ends by its pipe, and shows its log there', async () => {
    install('office');
    await startTunnelService('office');
    let text = '';
    const following = requestLog(controlPipe('office'), { follow: true }, (more) => {
      text += more;
    });
    await waitFor(() => expect(text).toContain('up\n'));
    expect(await requestStop(controlPipe('office'))).toBe(true);
    expect(await following).toBe(true);
    expect(text).toBe('started with service run -- office\nup\ndown by the pipe\n');
    await waitFor(() => expect(tunnelService('office')?.state).toBe('stopped'));
    expect(await requestStop(controlPipe('office'))).toBe(false);
  });

  it('that does not come up reports its exit code', async () => {
    install('failing');
    await expect(startTunnelService('failing')).rejects.toMatchObject({
      code: 'ERR_NOT_UP',
      message: 'failing did not come up (exit code 7)',
      hint: 'wg-ts logs failing shows why',
    });
  });

  it('can be stopped while it starts', async () => {
    install('slow');
    const starting = startTunnelService('slow');
    const failed = expect(starting).rejects.toMatchObject({ message: 'slow did not come up' });
    await waitFor(() => expect(logOf('slow')).toHaveLength(1));
    expect(tunnelService('slow')?.state).toBe('start-pending');
    await stopTunnelService('slow');
    await failed;
  });

  it('of one name is installed once, and nothing is left of a refused one', async () => {
    install('office');
    expect(() => install('office')).toThrow('the service of office is already installed');
    await expect(startTunnelService('home')).rejects.toThrow('no service for home is installed');
    await expect(stopTunnelService('home')).rejects.toThrow('no service for home is installed');
    const noProgram = (): void => {
      throw new Error('no program');
    };
    const broken = {
      get node(): string {
        return String(noProgram());
      },
      script: '',
    };
    expect(() => install('home', { program: broken })).toThrow('no program');
    expect(new ConfigStore().names()).toEqual(['office']);
    expect(listTunnelServices().map(({ name }) => name)).toEqual(['office']);
  });

  it('is run by Windows only', async () => {
    await expect(runTunnelService('office', () => Promise.resolve(0))).rejects.toMatchObject({
      code: 'ERR_USAGE',
      hint: 'wg-ts service start office',
    });
  });
});

describe('what is passed to Windows', () => {
  it('of a service has all fields at their places', () => {
    install('office');
    const line = serviceCommandLine(serviceNameOf('office'));
    expect(line).toBe(
      `"${process.execPath}" "${program.nodeOptions[0]}" "${program.nodeOptions[1]}" "${program.script}" service run -- office`,
    );
    expect(advapi32.recorded()).toEqual([
      'CreateServiceW name=WgTsTunnel$office display=wg-ts tunnel: office type=16 start=2 error=1',
      `  command=${line}`,
      '  dependencies=Nsi,TcpIp account=SYSTEM group=none',
      'SERVICE_DESCRIPTIONW Brings the WireGuard tunnel office up at boot and keeps it up.',
      'SERVICE_FAILURE_ACTIONSW reset=86400 reboot=none command=none',
      '  action type=1 delay=1000',
      '  action type=1 delay=10000',
      '  action type=1 delay=60000',
      'SERVICE_FAILURE_ACTIONS_FLAG 1',
      'SERVICE_SID_INFO 1',
      expect.stringMatching(/^SERVICE_REQUIRED_PRIVILEGES_INFOW (Se\w+Privilege,)+Se\w+Privilege$/),
      'SERVICE_DELAYED_AUTO_START_INFO 0',
      'RegSetValueExW EventMessageFile type=2 %SystemRoot%\\System32\\EventCreate.exe',
      'RegSetValueExW TypesSupported REG_DWORD 7',
    ]);
  });

  it('has the offsets of its headers', () => {
    const tables = Object.entries(structs).filter(([, value]) => typeof value === 'object');
    const offsets = tables.flatMap(([type, table]) =>
      Object.entries(table)
        .filter(([field]) => field === 'size' || !type.startsWith('Config'))
        .map(([field, offset]) => [`${type}.${field}`, offset]),
    );
    expect(offsets.length).toBeGreaterThan(40);
    expect(offsets).toEqual(offsets.map(([name]) => [name, advapi32.offsetOf(String(name))]));
  });

  it('of an event is a text of its kind', () => {
    const log = openEventLog('wg-ts');
    log.report('error', 'office: broken {1}');
    log.report('information', 'office: starting');
    log.close();
    log.report('warning', 'after the end');
    expect(advapi32.recorded()).toEqual([
      'ReportEventW type=1 category=0 event=1 strings=1 bytes=0 user=none data=none: office: broken {1}',
      'ReportEventW type=4 category=0 event=1 strings=1 bytes=0 user=none data=none: office: starting',
    ]);
  });
});
