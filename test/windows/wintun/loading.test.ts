/** Which wintun.dll is loaded, and which never; and what can be had of the makers' without a driver. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  deleteDriver,
  runningDriverVersion,
  WintunAdapter,
} from '../../../tun/windows/wintun/adapter.js';
import { WintunError } from '../../../tun/windows/wintun/errors.js';
import {
  applicationFolder,
  loadWintun,
  wintunCandidates,
} from '../../../tun/windows/wintun/library.js';
import { setWintunLogger, type WintunLogEntry } from '../../../tun/windows/wintun/logger.js';
import { runScript } from '../support/children.js';
import { doublePath } from '../support/wintundouble.js';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'wintun-'));
  folders.push(folder);
  return folder;
}

const makers = process.env['WG_TS_WINE_WINTUN'] ?? '';

describe('wintun.dll', () => {
  it('is looked for only beside wg-ts and in System32', () => {
    const [beside = '', system32 = '', ...others] = wintunCandidates();
    expect(beside).toBe(join(applicationFolder(), 'wintun.dll'));
    expect(applicationFolder()).toMatch(/dist\\native\\win32-x64$/);
    expect(system32.toLowerCase()).toBe('c:\\windows\\system32\\wintun.dll');
    expect(others).toEqual([]);
  });

  it('is not loaded from the current folder or along PATH', async () => {
    const folder = temporary();
    copyFileSync(doublePath('wintun'), join(folder, 'wintun.dll'));
    const library = new URL('../../../tun/windows/wintun/library.ts', import.meta.url).href;
    const text = `
      import { loadWintun } from ${JSON.stringify(library)};
      try { console.log('loaded', loadWintun().path); } catch (error) { console.log(error.code, error.message); }
    `;
    const path = `${folder};${process.env['PATH']}`;
    const { output } = await runScript(text, { cwd: folder, env: { PATH: path } });
    expect(output).toContain('ERR_NO_TUN wintun.dll is missing, looked for at');
    expect(output).toContain('wg-ts wintun install');
  });

  it('may be missing', () => {
    const path = join(temporary(), 'wintun.dll');
    expect(() => loadWintun(path)).toThrow(/cannot load .*wintun\.dll: ERROR_.*wintun install/);
  });

  it('may be for another architecture', () => {
    const other = join(dirname(makers), 'wintun-x86.dll');
    expect(() => loadWintun(other)).toThrow(/is not for this architecture \(x64\).*wintun install/);
  });

  it('may not be a library at all, or another one', () => {
    const folder = temporary();
    mkdirSync(folder, { recursive: true });
    const broken = join(folder, 'wintun.dll');
    writeFileSync(broken, 'MZ and nothing more');
    expect(() => loadWintun(broken)).toThrow(/not for this architecture|ERROR_/);
    const another = join('C:\\windows\\system32', 'version.dll');
    expect(() => loadWintun(another)).toThrow('is not Wintun 0.14, it has no WintunCreateAdapter');
  });
});

describe('the makers’ wintun.dll 0.14.1', () => {
  const wintun = loadWintun(makers);

  it('has all fourteen functions, and no enumeration', () => {
    const functions = Object.entries(wintun).filter(([name]) => name.startsWith('Wintun'));
    expect(functions.filter(([, value]) => typeof value === 'function')).toHaveLength(14);
    expect(wintun.WintunEnumAdapters).toBeUndefined();
    expect(wintun.module).toBeGreaterThan(0);
  });

  it('reports that no driver is loaded', () => {
    expect(runningDriverVersion(wintun)).toBeUndefined();
  });

  it('cannot make an adapter without a driver, and logs why', async () => {
    const entries: WintunLogEntry[] = [];
    const end = setWintunLogger(wintun, (entry) => entries.push(entry));
    const before = Date.now();
    let failure: unknown;
    try {
      WintunAdapter.create(wintun, 'OfficeNet', 'wg-ts').close();
    } catch (error) {
      failure = error;
    }
    expect(failure).toBeInstanceOf(WintunError);
    expect(failure).toMatchObject({ function: 'WintunCreateAdapter' });
    await new Promise((resolve) => setTimeout(resolve, 100));
    end();
    expect(entries.length).toBeGreaterThan(0);
    for (const { level, time, text } of entries) {
      expect(['info', 'warn', 'error']).toContain(level);
      expect(Math.abs(time.getTime() - before)).toBeLessThan(10_000);
      expect(text.length).toBeGreaterThan(0);
    }
    expect(entries.some(({ level }) => level === 'error')).toBe(true);
  });

  it('finds no adapter of a name', () => {
    expect(() => WintunAdapter.open(wintun, 'OfficeNet')).toThrow('WintunOpenAdapter failed with');
  });

  it('has no driver to delete, or says why not', () => {
    try {
      deleteDriver(wintun);
    } catch (error) {
      expect(error).toMatchObject({ function: 'WintunDeleteDriver' });
    }
    expect(runningDriverVersion(wintun)).toBeUndefined();
  });
});
