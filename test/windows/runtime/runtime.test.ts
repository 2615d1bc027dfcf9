import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { claimName } from '../../../cli/runtime/claim.js';
import { isAlive, ownIdentity } from '../../../cli/runtime/process.js';
import { StateFolder } from '../../../cli/runtime/state.js';
import { stopTunnel } from '../../../cli/runtime/stop.js';
import { runtimeSystem } from '../../../cli/runtime/system.js';
import { dataFolder } from '../../../cli/runtime/windows.js';
import { programsFolder } from '../../../cli/service/windows/program.js';
import { ConfigStore, readStoredConfig } from '../../../cli/service/windows/store.js';
import { parseConfig } from '../../../src/config/parse.js';
import { permittedHooks, runHooks } from '../../../src/tunnel/hooks.js';
import { listUapi, queryUapi, uapiSocket } from '../../../src/uapi/client.js';
import { serveUapi } from '../../../src/uapi/server.js';
import { hookCommand, isHookCommand } from '../../../system/shell.js';
import { DATA_BLOB, protectData, unprotectData } from '../../../system/windows/dpapi.js';
import { koffi } from '../../../system/windows/libraries.js';
import { ownByUser } from '../../../system/windows/process.js';
import { SECURITY_ATTRIBUTES } from '../../../system/windows/security.js';
import { waitFor } from '../../support/waiting.js';
import { useRecordedAdvapi32 } from '../support/advapi32.js';

const advapi32 = useRecordedAdvapi32();
const NAME = 'wgts-test';

let parent: string;
let folder: StateFolder;
beforeEach(() => {
  parent = mkdtempSync(path.join(tmpdir(), 'wg-ts-'));
  folder = new StateFolder(path.join(parent, 'run'));
  advapi32.forget();
  advapi32.setElevated(true);
});
afterEach(() => rmSync(parent, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));

/** A process that does `verb`; it is gone with the test. */
async function startChild(verb: string, ...more: string[]): Promise<ChildProcess> {
  const script = fileURLToPath(new URL('child.ts', import.meta.url));
  const child = spawn(process.execPath, [script, folder.path, NAME, verb, ...more], {
    stdio: 'ignore',
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const ready = `${folder.path}\\${NAME}.ready`;
  await waitFor(() => expect(existsSync(ready)).toBe(true));
  rmSync(ready);
  return child;
}

describe('an administrator', () => {
  it('is a user that has the rights now', () => {
    const { requirePrivilege } = runtimeSystem();
    expect(() => requirePrivilege('up', 'up office')).not.toThrow();
    advapi32.setElevated(false);
    expect(() => requirePrivilege('up', 'up office')).toThrow(
      'wg-ts up needs an administrator: run wg-ts up office in an elevated prompt',
    );
  });

  it('as a service owns what it makes, not as a group', () => {
    ownByUser();
    expect(advapi32.recorded()).toEqual([
      expect.stringMatching(/^SetTokenInformation TokenOwner S-1-/),
    ]);
  });
});

describe('the folder of the state', () => {
  const FOREIGN = 'O:S-1-5-21-1-2-3-1001G:BUD:PAI(A;OICI;FA;;;BA)(A;OICI;FA;;;SY)';

  it('is below ProgramData', () => {
    expect(dataFolder()).toBe('C:\\ProgramData\\wg-ts');
    expect(programsFolder()).toBe('C:\\Program Files\\wg-ts');
    expect(new StateFolder().path).toBe(`${dataFolder()}\\run`);
    expect(new StateFolder().logFile('office')).toBe(`${dataFolder()}\\log\\office.log`);
  });

  it('is made so that nobody else can read it', () => {
    folder.create();
    // As Wine itself sees it, which knows Everyone by the mode of the file.
    const real = koffi().load('advapi32.dll');
    const get = real.func(
      'uint32_t __stdcall GetNamedSecurityInfoW(const char16_t *path, int type, uint32_t parts, void *o, void *g, void *d, void *s, void *descriptor)',
    );
    const toText = real.func(
      'int __stdcall ConvertSecurityDescriptorToStringSecurityDescriptorW(uintptr_t descriptor, uint32_t revision, uint32_t parts, void *text, void *length)',
    );
    const textOf = (file: string): string => {
      const [descriptor, text] = [new BigUint64Array(1), new BigUint64Array(1)];
      get(file, 1, 4, null, null, null, null, new Uint8Array(descriptor.buffer));
      toText(descriptor[0], 1, 4, new Uint8Array(text.buffer), null);
      return koffi().decode(text[0] ?? 0n, 'char16_t', -1) as string;
    };
    expect(textOf(parent)).toContain(';;;WD)');
    expect(textOf(folder.path)).not.toContain(';;;WD)');
    expect(advapi32.recorded()).toEqual([]);
  });

  it('is refused when another user owns it', () => {
    mkdirSync(folder.path);
    advapi32.setSecurity(folder.path, FOREIGN);
    expect(() => folder.create()).toThrow('belongs to a user who is not an administrator');
    advapi32.setSecurity(folder.path, FOREIGN.replace(/^O:S-[\d-]+/, 'O:SY'));
    folder.create();
    expect(advapi32.recorded()).toEqual([]);
  });

  it('is closed to users that an administrator had let in', () => {
    mkdirSync(folder.path);
    advapi32.setSecurity(folder.path, 'O:BAG:BUD:AI(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)');
    folder.create();
    expect(advapi32.recorded()).toEqual([
      `SetNamedSecurityInfoW ${folder.path} type=1 parts=80000004 owner=none group=none sacl=none allows S-1-5-32-544 S-1-5-18`,
    ]);
  });

  it('is refused when it is a file', () => {
    writeFileSync(folder.path, '');
    expect(() => folder.create()).toThrow('is a link or a file');
  });

  it('keeps a state, also over an old one', () => {
    folder.create();
    const state = { ...ownIdentity(), ready: false, undo: [{ argv: ['a', 'b'] }] };
    folder.write(NAME, state);
    folder.write(NAME, { ...state, ready: true });
    expect(folder.read(NAME)).toEqual({ ...state, ready: true });
    expect(folder.names()).toEqual([NAME]);
  });

  it('has structures with the offsets of Windows', () => {
    const tables = { SECURITY_ATTRIBUTES, DATA_BLOB };
    for (const [type, table] of Object.entries(tables))
      for (const [field, offset] of Object.entries(table))
        expect([field, advapi32.offsetOf(`${type}.${field}`)]).toEqual([field, offset]);
  });
});

describe('processes', () => {
  it('are told apart by their time of creation', async () => {
    expect(isAlive(ownIdentity())).toBe(true);
    expect(isAlive({ ...ownIdentity(), startTime: '1' })).toBe(false);
    const child = await startChild('lock');
    const identity = {
      pid: child.pid ?? 0,
      startTime: runtimeSystem().startTime(child.pid ?? 0) ?? '',
    };
    expect(isAlive(identity)).toBe(true);
    // A handle of it is held here, so Windows still knows its number afterwards.
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    expect(isAlive(identity)).toBe(false);
  });

  it('let one hold a lock, until it is gone', async () => {
    const child = await startChild('lock');
    const { tryLock } = runtimeSystem();
    expect(tryLock(folder.lockFile)).toBeUndefined();
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    const unlock = await waitFor(() => {
      const got = tryLock(folder.lockFile);
      expect(got).toBeDefined();
      return got;
    });
    expect(tryLock(folder.lockFile)).toBeUndefined();
    unlock?.();
  });
});

describe('a tunnel', () => {
  const undone = (): string => path.join(parent, 'undone');

  it('of a process that was killed is cleaned up by the next one', async () => {
    const child = await startChild('claim', undone());
    await expect(claimName(NAME, { folder })).rejects.toMatchObject({ code: 'ERR_ALREADY_UP' });
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    const notes: string[] = [];
    const claim = await claimName(NAME, { folder, onRecovery: (note) => notes.push(note) });
    expect(notes).toEqual([expect.stringContaining('is gone): cleaning up')]);
    expect(readFileSync(undone(), 'utf8').trim()).toBe('undone');
    claim.release();
  });

  it('ends when it is asked by its pipe', async () => {
    const child = await startChild('claim', undone());
    const gone = once(child, 'exit');
    const notes: string[] = [];
    await stopTunnel(NAME, { folder, onNote: (note) => notes.push(note) });
    expect(await gone).toEqual([0, null]);
    expect(notes).toEqual([]);
    expect(existsSync(undone())).toBe(false);
    expect(folder.names()).toEqual([]);
  });

  it('that does not answer is killed and cleaned up', async () => {
    await startChild('deaf', undone());
    const notes: string[] = [];
    await stopTunnel(NAME, { folder, onNote: (note) => notes.push(note) });
    expect(notes).toEqual([expect.stringContaining('does not answer: killing it')]);
    expect(readFileSync(undone(), 'utf8').trim()).toBe('undone');
    await expect(stopTunnel(NAME, { folder })).rejects.toMatchObject({ code: 'ERR_NOT_UP' });
  });

  it('answers wg.exe on its pipe', async () => {
    expect(uapiSocket(NAME)).toBe(
      `\\\\.\\pipe\\ProtectedPrefix\\Administrators\\WireGuard\\${NAME}`,
    );
    expect(await queryUapi(uapiSocket(NAME))).toBeUndefined();
    const server = await serveUapi(uapiSocket(NAME), () => ({
      listenPort: 51820,
      fwMark: 0,
      peers: [],
    }));
    try {
      expect(await queryUapi(uapiSocket(NAME))).toMatchObject({ listenPort: 51820 });
      expect(listUapi()).toBeInstanceOf(Array);
    } finally {
      await server.close();
    }
    expect(await queryUapi(uapiSocket(NAME))).toBeUndefined();
  });
});

describe('a stored configuration', () => {
  const TEXT = '[Interface]\nPrivateKey = secret\n';
  const store = (): ConfigStore => new ConfigStore(path.join(parent, 'configurations'));

  it('is encrypted, and read again', () => {
    const bytes = new TextEncoder().encode(TEXT);
    store().write('office', bytes);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
    const file = store().fileOf('office');
    expect(readFileSync(file).includes('secret')).toBe(false);
    expect(readFileSync(file).includes(Buffer.from('secret', 'utf16le'))).toBe(false);
    expect(readStoredConfig(file)).toBe(TEXT);
    expect(store().names()).toEqual(['office']);
    store().remove('office');
    expect(store().has('office')).toBe(false);
  });

  it('is refused under another name, and when it was changed', () => {
    store().write('office', new TextEncoder().encode(TEXT));
    const bytes = readFileSync(store().fileOf('office'));
    writeFileSync(store().fileOf('home'), bytes);
    expect(() => readStoredConfig(store().fileOf('home'))).toThrow('of another tunnel');
    writeFileSync(store().fileOf('office'), bytes.subarray(0, bytes.length >> 1));
    expect(() => readStoredConfig(store().fileOf('office'))).toThrow(
      /cannot be read: CryptUnprotectData failed: /,
    );
  });

  it('carries its description', () => {
    const sealed = protectData(new Uint8Array([1, 2, 3]), 'öffice');
    expect(unprotectData(sealed)).toEqual({
      bytes: new Uint8Array([1, 2, 3]),
      description: 'öffice',
    });
  });
});

describe('hooks', () => {
  const configWith = (hook: string) =>
    parseConfig(
      `[Interface]\nPrivateKey = ${Buffer.alloc(32, 1).toString('base64')}\nPostUp = ${hook}\nPreDown = other\n`,
      { file: 'office.conf' },
    ).config;

  it('are skipped with a warning unless they are allowed', () => {
    const whole = configWith('first');
    const { config, warnings } = permittedHooks(whole, false, '--allow-hooks');
    expect(warnings).toEqual([
      'PostUp is skipped without --allow-hooks: first',
      'PreDown is skipped without --allow-hooks: other',
    ]);
    expect(config.interface).toMatchObject({ preUp: [], postUp: [], preDown: [], postDown: [] });
    expect(permittedHooks(whole, true, '--allow-hooks')).toEqual({ config: whole, warnings: [] });
  });

  it('run by cmd.exe as they stand in the file', async () => {
    const out = path.join(parent, 'out put.txt');
    await runHooks('PostUp', [`echo "%i" & echo two>"${out}" & echo %i>>"${out}"`], 'office');
    expect(readFileSync(out, 'utf8').replace(/ *\r/g, '')).toBe('two\noffice\n');
    await expect(runHooks('PostUp', ['exit 3'], 'office')).rejects.toThrow(
      'a PostUp command failed (3): exit 3',
    );
    expect(isHookCommand({ argv: hookCommand('echo', 'office') })).toBe(true);
    expect(isHookCommand({ argv: ['netsh', 'interface', 'set'] })).toBe(false);
  });
});
