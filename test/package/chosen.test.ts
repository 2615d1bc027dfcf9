/** Which of the native libraries in the package is loaded: that of the C library node runs on. */
import { cpSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { isMuslMapped, targetName } from '../../system/target.js';
import { compileLibrary, whyNoTestLibrary } from '../native/testlibrary.js';
import { runProgram } from '../program/support.js';
import { type Installed, installPacked, outputOf } from './packed.js';

const NOTHING = fileURLToPath(new URL('../native/nothing.c', import.meta.url));

describe('the C library of a process', () => {
  const line = (path: string): string =>
    `7f11c9a00000-7f11c9a28000 r--p 00000000 08:01 131 ${path}\n`;

  it.each([
    ['/lib/ld-musl-x86_64.so.1', true],
    ['/lib/ld-musl-aarch64.so.1', true],
    ['/usr/lib/libc.so', true],
    ['/usr/lib/x86_64-linux-gnu/libc.so.6', false],
    ['/lib/x86_64-linux-gnu/libc-2.31.so', false],
    ['/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2', false],
    ['/opt/xlibc.so.d/a.so', false],
    ['/home/ld-musl-x86_64.so.1/a.so', false],
  ])('with %s mapped is musl: %s', (path, expected) => {
    expect(isMuslMapped(line('/usr/bin/node') + line(path) + line('[stack]'))).toBe(expected);
  });

  it('is named in the same words as by the build', async () => {
    const script = new URL('../../native/targets.mjs', import.meta.url).href;
    const build = (await import(script)) as { targetName(): string };
    expect(targetName()).toBe(build.targetName());
  });
});

const skipped = whyNoTestLibrary ? ` (skipped: ${whyNoTestLibrary})` : '';

describe.skipIf(whyNoTestLibrary !== undefined)(`the library that is loaded${skipped}`, () => {
  const glibc = `${process.platform}-${process.arch}`;
  const musl = `${glibc}-musl`;
  let installed: Installed;

  beforeAll(async () => {
    installed = await installPacked();
    return () => installed.remove();
  }, 120_000);

  afterEach(() => {
    const [from, to] = targetName() === glibc ? [glibc, musl] : [musl, glibc];
    rmSync(dirname(library(to)), { recursive: true, force: true });
    if (existsSync(`${library(from)}.away`)) renameSync(`${library(from)}.away`, library(from));
  });

  function library(target: string): string {
    return join(installed.package, 'dist/native', target, 'libwgts.so');
  }

  /** The one file here serves for both: what counts is where it was found. */
  function haveBoth(): void {
    const [from, to] = targetName() === glibc ? [glibc, musl] : [musl, glibc];
    mkdirSync(dirname(library(to)), { recursive: true });
    cpSync(library(from), library(to));
  }

  /** `preload`: what is mapped before the library is looked for. */
  function loaded(preload?: string): Promise<unknown> {
    const program = `
      ${preload ? `require('koffi').load(${JSON.stringify(preload)});` : ''}
      (async () => {
        const { dataPlane, whyPortable } = await require('wg-ts').versions();
        const maps = require('node:fs').readFileSync('/proc/self/maps', 'utf8');
        const library = /\\S*libwgts\\.so$/m.exec(maps)?.[0];
        console.log(JSON.stringify({ dataPlane, whyPortable, library }));
      })();`;
    return outputOf(installed, 'loaded.cjs', program);
  }

  it('is that of this machine, even where there are both', async () => {
    haveBoth();
    const expected = { dataPlane: 'native', library: library(targetName()) };
    expect(await loaded()).toMatchObject(expected);
  });

  it.skipIf(targetName() !== glibc)('is that of musl where musl is mapped', async () => {
    haveBoth();
    const preload = join(installed.folder, 'ld-musl-x86_64.so.1');
    compileLibrary(preload, [], [NOTHING]);
    expect(await loaded(preload)).toMatchObject({ library: library(musl) });
  });

  it('is never that of the other', async () => {
    haveBoth();
    renameSync(library(targetName()), `${library(targetName())}.away`);
    const expected = {
      dataPlane: 'portable',
      whyPortable: expect.stringContaining(`no native library for ${targetName()}`),
    };
    const answer = await loaded();
    expect(answer).toMatchObject(expected);
    expect(answer).not.toHaveProperty('library');
  });

  it('is built anew from the sources in the package', async () => {
    rmSync(library(targetName()));
    const script = join(installed.package, 'native/build.mjs');
    const args = [script, '--target', targetName()];
    const { code, stderr } = await runProgram(process.execPath, args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(await loaded()).toMatchObject({ library: library(targetName()) });
  }, 120_000);
});
