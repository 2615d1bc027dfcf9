import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commandLineOf } from '../../cli/service/windows/commandline.js';
import { packageParts, packageRoot, programFiles } from '../../cli/service/windows/package.js';
import { installProgram, removeUnusedPrograms } from '../../cli/service/windows/program.js';

let folder: string;
let root: string;
let programs: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'wg-ts-program-'));
  root = path.join(folder, 'lib', 'node_modules', 'wg-ts');
  programs = path.join(folder, 'programs');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(file: string, text: string): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
}

type Needs = Readonly<Record<string, string>>;

function writePackage(
  at: string,
  dependencies: Needs = {},
  optionalDependencies: Needs = {},
): void {
  const name = path.basename(at);
  write(
    path.join(at, 'package.json'),
    JSON.stringify({ name, dependencies, optionalDependencies }),
  );
  write(path.join(at, 'index.js'), at);
}

/** Beside wg-ts, below it, and two versions of one. */
function writeAll(): void {
  writePackage(root, { a: '1', b: '1' }, { absent: '1' });
  write(path.join(root, 'dist/cli/main.js'), 'main');
  write(path.join(root, 'native/lib/source.c'), '');
  const beside = path.dirname(root);
  writePackage(path.join(beside, 'a'), { c: '1' });
  writePackage(path.join(beside, 'c'));
  writePackage(path.join(root, 'node_modules/b'), { c: '2', b: '1' });
  writePackage(path.join(root, 'node_modules/b/node_modules/c'));
}

const node = (): string => {
  const file = path.join(folder, 'node.exe');
  writeFileSync(file, 'node');
  return file;
};

const listed = (at: string): string[] =>
  readdirSync(at, { recursive: true, withFileTypes: true, encoding: 'utf8' })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(at, path.join(entry.parentPath, entry.name)))
    .sort();

describe('the files of a program', () => {
  it('are the package and all that it needs, where Node.js finds them', () => {
    writeAll();
    const { node: copy, script } = installProgram({ root, programs, node: node() });
    const place = path.dirname(copy);
    expect(listed(place)).toEqual([
      'dist/cli/main.js',
      'node.exe',
      'node_modules/a/index.js',
      'node_modules/a/package.json',
      'node_modules/b/index.js',
      'node_modules/b/node_modules/c/index.js',
      'node_modules/b/node_modules/c/package.json',
      'node_modules/b/package.json',
      'node_modules/c/index.js',
      'node_modules/c/package.json',
      'package.json',
    ]);
    const read = (file: string): string => readFileSync(path.join(place, file), 'utf8');
    expect(read('node_modules/c/index.js')).toBe(path.join(path.dirname(root), 'c'));
    expect(read('node_modules/b/node_modules/c/index.js')).toContain('/b/node_modules/c');
    expect(readFileSync(script, 'utf8')).toBe('main');
  });

  it('of wg-ts itself are found', () => {
    const parts = packageParts(packageRoot()).map(({ to }) => to);
    expect(parts).toContain('node_modules/koffi');
    expect(parts).toContain('node_modules/@noble/hashes');
    expect(parts).not.toContain('node_modules/vitest');
  });

  it('are refused with a link among them, or one missing', () => {
    writeAll();
    symlinkSync('/etc/passwd', path.join(root, 'dist/link'));
    expect(() => programFiles(packageParts(root))).toThrow(
      'is a link, which a service must not follow',
    );
    rmSync(path.join(root, 'node_modules/b/node_modules/c'), { recursive: true });
    rmSync(path.join(path.dirname(root), 'c'), { recursive: true });
    expect(() => packageParts(root)).toThrow(/^c, which .* needs, is not installed$/);
    rmSync(path.join(root, 'dist'), { recursive: true });
    expect(() => installProgram({ root, programs, node: node() })).toThrow('main.js is missing');
  });
});

describe('a copy of the program', () => {
  it('stays the same for the same files, is mended, and another one for others', () => {
    writeAll();
    const first = installProgram({ root, programs, node: node() });
    expect(installProgram({ root, programs, node: node() })).toEqual(first);
    writeFileSync(first.script, 'broken');
    expect(installProgram({ root, programs, node: node() })).toEqual(first);
    expect(readFileSync(first.script, 'utf8')).toBe('main');
    write(path.join(root, 'dist/cli/main.js'), 'newer');
    const second = installProgram({ root, programs, node: node() });
    expect(second.script).not.toBe(first.script);
    expect(existsSync(first.script)).toBe(true);
    removeUnusedPrograms([commandLineOf(second, 'office', {})], programs);
    expect(existsSync(first.node)).toBe(false);
    expect(existsSync(second.node)).toBe(true);
    removeUnusedPrograms([], programs);
    expect(existsSync(programs)).toBe(false);
  });

  it('is not made behind a link', () => {
    writeAll();
    mkdirSync(path.join(folder, 'elsewhere'));
    symlinkSync(path.join(folder, 'elsewhere'), programs);
    expect(() => installProgram({ root, programs, node: node() })).toThrow('is a link or a file');
    expect(readdirSync(path.join(folder, 'elsewhere'))).toEqual([]);
  });
});

it('a command line is quoted as Windows reads it', () => {
  const program = { node: 'C:\\Program Files\\node.exe', script: 'C:\\a\\' };
  expect(commandLineOf(program, 'office', { allowHooks: true, workers: 3 })).toBe(
    '"C:\\Program Files\\node.exe" "C:\\a\\\\" service run --allow-hooks --workers 3 -- office',
  );
  expect(commandLineOf({ node: 'n', script: 's"t' }, 'a+b', { dataPlane: 'portable' })).toBe(
    'n "s\\"t" service run --data-plane portable -- "a+b"',
  );
});
