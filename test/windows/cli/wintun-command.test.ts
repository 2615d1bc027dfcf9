/** `wg-ts wintun` where it is at home, with the DLLs of the makers and the double of their driver. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { sha256 } from '../../../cli/wintun/archive.js';
import { fileVersion } from '../../../cli/wintun/fileversion.js';
import { installWintun } from '../../../cli/wintun/install.js';
import { WINTUN } from '../../../cli/wintun/pins.js';
import { wintunStatus } from '../../../cli/wintun/status.js';
import { openWintunTun } from '../../../tun/windows/device.js';
import { waitFor } from '../../support/waiting.js';

const TRUE_DLL = process.env['WG_TS_WINE_WINTUN'] ?? '';
const X86_DLL = path.join(path.dirname(TRUE_DLL), 'wintun-x86.dll');
const DOUBLES = path.join(process.env['WG_TS_WINE_FOLDER'] ?? '', 'doubles');
const COMMAND = pathToFileURL(path.resolve('cli/verbs/wintun.ts')).href;

let folder: string;
/** What main does with the verb. */
let main: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'wg-ts-wintun-'));
  main = path.join(folder, 'main.mjs');
  writeFileSync(
    main,
    `import { wintunCommand } from '${COMMAND}';
try {
  await wintunCommand.parseAsync(process.argv.slice(3), { from: 'user' });
} catch (error) {
  console.error('error: ' + error.message);
  process.exitCode = 1;
}
`,
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What it prints and its exit code. */
function wgTs(...args: string[]): { code: number | null; text: string } {
  const output = path.join(folder, 'output.txt');
  const fd = openSync(output, 'w');
  const { status } = spawnSync(process.execPath, [main, 'wintun', ...args], {
    stdio: ['ignore', fd, fd],
    cwd: path.resolve('.'),
  });
  closeSync(fd);
  return { code: status, text: readFileSync(output, 'utf8') };
}

/** Another process loads the DLL, until the answer is called. */
async function useElsewhere(dll: string): Promise<() => Promise<void>> {
  const script = path.join(folder, 'user.mjs');
  const ready = path.join(folder, 'ready.txt');
  writeFileSync(
    script,
    `import { writeFileSync } from 'node:fs';
import { koffi } from '${pathToFileURL(path.resolve('system/windows/libraries.ts')).href}';
koffi().load(process.argv[2]);
writeFileSync(process.argv[3], '');
setTimeout(() => {}, 20_000);
`,
  );
  const child = spawn(process.execPath, [script, dll, ready], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  await waitFor(() => expect(existsSync(ready)).toBe(true));
  return async () => {
    child.kill();
    await ended;
  };
}

function folderWith(dll: string): string {
  const place = mkdtempSync(path.join(folder, 'place-'));
  copyFileSync(dll, path.join(place, 'wintun.dll'));
  return place;
}

describe('install', () => {
  it('takes the true DLL from a zip of that layout, and status knows it', async () => {
    const zip = zipSync({ 'wintun/bin/amd64/wintun.dll': readFileSync(TRUE_DLL) });
    const file = path.join(folder, 'wintun.zip');
    writeFileSync(file, zip);
    const place = path.join(folder, 'made', 'win32-x64');
    const pins = { ...WINTUN, zipSha256: sha256(zip) };
    const installed = await installWintun({
      architecture: 'x64',
      zip: file,
      folder: place,
      pins,
    });
    expect(installed).toMatchObject({ change: 'new', version: '0.14.1' });
    expect(readdirSync(place)).toEqual(['wintun.dll']);

    const { code, text } = wgTs('status', '--directory', place);
    expect(text).toContain(`wintun.dll: ${installed.path}`);
    expect(text).toContain('version: 0.14.1.0');
    expect(text).toContain(`${WINTUN.dlls.x64.sha256} (0.14.1 for x64)`);
    expect(text).toContain('running driver: none');
    expect(code).toBe(0);
  });

  it('says what to do when the present DLL is in use, and leaves nothing else', async () => {
    const place = folderWith(path.join(DOUBLES, 'wintun.dll'));
    const end = await useElsewhere(path.join(place, 'wintun.dll'));
    const zip = zipSync({ 'bin/amd64/wintun.dll': readFileSync(TRUE_DLL) });
    const file = path.join(folder, 'other.zip');
    writeFileSync(file, zip);
    const pins = { ...WINTUN, zipSha256: sha256(zip) };
    const options = { architecture: 'x64', zip: file, folder: place, pins } as const;
    await expect(installWintun(options)).rejects.toMatchObject({
      code: 'ERR_NOT_ROOT',
      hint: 'run it as administrator, in an elevated prompt, and take down the tunnels that use it',
    });
    expect(readdirSync(place)).toEqual(['wintun.dll']);
    await end();
    expect(await installWintun(options)).toMatchObject({ change: 'replaced' });
  });

  it('refuses a zip that is not from the makers', () => {
    const place = path.join(folder, 'none');
    const { code, text } = wgTs('install', path.join(folder, 'wintun.zip'), '--directory', place);
    expect(code).toBe(1);
    expect(text).toContain(WINTUN.zipSha256);
    expect(existsSync(place)).toBe(false);
  });
});

describe('status', () => {
  it('says that there is none, where it looked, and what to do', () => {
    const { code, text } = wgTs('status', '--directory', path.join(folder, 'empty'));
    expect(code).toBe(1);
    expect(text).toMatch(
      /wintun\.dll: missing\nlooked for: .*empty\\wintun\.dll\n.*wg-ts wintun install/,
    );
  });

  it('says that it is for another architecture', async () => {
    const status = await wintunStatus({ architecture: 'x64', folder: folderWith(X86_DLL) });
    expect(status).toMatchObject({ release: '0.14.1 for ia32', fileVersion: '0.14.1.0' });
    expect(status.problem).toMatch(/not for this architecture/);
  });

  it('shows the version of the running driver, when an adapter has loaded one', async () => {
    const place = { architecture: 'x64', folder: DOUBLES } as const;
    expect((await wintunStatus(place)).driverVersion).toBeUndefined();
    const tun = openWintunTun('OfficeNet', { library: path.join(DOUBLES, 'wintun.dll') });
    onTestFinished(() => tun.close());
    expect((await wintunStatus(place)).driverVersion).toBe('0.14');
  });

  it('shows programs a DLL that is not of the release', () => {
    const place = folderWith(path.join(DOUBLES, 'wintun.dll'));
    const { text, code } = wgTs('status', '--json', '--directory', place);
    const status = JSON.parse(text) as Record<string, unknown>;
    expect(status).toMatchObject({ path: path.join(place, 'wintun.dll') });
    expect(status['release']).toBeUndefined();
    expect(fileVersion(path.join(place, 'wintun.dll'))).toBeUndefined();
    expect(code).toBe(0);
  });
});

describe('uninstall', () => {
  it('removes the driver and the DLL, which another process had loaded', () => {
    const place = folderWith(path.join(DOUBLES, 'wintun.dll'));
    const { code, text } = wgTs('uninstall', '--directory', place);
    expect(text).toContain('removed the driver');
    expect(text).toContain('removed wintun.dll from');
    expect(existsSync(path.join(place, 'wintun.dll'))).toBe(false);
    expect(code).toBe(0);
  });

  it('says why the driver stays, and removes the DLL all the same', () => {
    const place = folderWith(X86_DLL);
    const { code, text } = wgTs('uninstall', '--directory', place);
    expect(text).toMatch(/error: .*not for this architecture/);
    expect(text).toContain('the driver was not removed');
    expect(existsSync(path.join(place, 'wintun.dll'))).toBe(false);
    expect(code).toBe(0);
  });

  it('has nothing to do where there is none', () => {
    mkdirSync(path.join(folder, 'bare'));
    const { code, text } = wgTs('uninstall', '--directory', path.join(folder, 'bare'));
    expect(text).toBe(`no wintun.dll in ${path.join(folder, 'bare')}\n`);
    expect(code).toBe(0);
  });
});
