/** What is in the package, and what is not. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Manifest, pack, ROOT } from './packed.js';

const COMPILED = ['cli', 'crypto', 'native', 'network', 'protocol', 'src', 'system', 'tun', 'udp'];
const LIBRARY =
  /^dist\/native\/(?:linux-(?:x64|arm64)(?:-musl)?\/libwgts\.so|win32-x64\/wgts\.dll)$/;

/** Each kind of file that belongs into the package. */
const KINDS: readonly RegExp[] = [
  /^(?:package\.json|LICENSE|README\.md|CHANGELOG\.md|SECURITY\.md)$/,
  /^dist\/(?:cli|crypto|native|network|protocol|src|system|tun|udp)\/(?:[\w-]+\/)*[\w-]+\.(?:js|d\.ts|d\.cts)$/,
  /^dist\/(?:src|protocol)\/index\.cjs$/,
  LIBRARY,
  /^native\/(?:build\.mjs|targets\.mjs|wg_ts\.h)$/,
  /^native\/lib\/(?:(?:linux|windows)\/)?\w+\.[ch]$/,
  /^configs\/[\w-]+\.conf$/,
  /^man\/man1\/[\w-]+\.1$/,
  /^man\/man5\/[\w.-]+\.5$/,
  /^docs\/[\w-]+\.md$/,
];

/** With the libraries of all machines. Half as much again, and something is in it that should not be. */
const MOST_PACKED = 1_200_000;
const MOST_UNPACKED = 3_500_000;

let paths: string[];
let size: number;
let unpackedSize: number;

beforeAll(async () => {
  const listing = await pack('--dry-run');
  ({ size, unpackedSize } = listing);
  paths = listing.files.map(({ path }) => path);
}, 120_000);

function strays(all: readonly string[]): string[] {
  return all.filter((path) => !KINDS.some((kind) => kind.test(path)));
}

/** The names under a folder of the checkout that end so, as paths from its root. */
function filesUnder(folder: string, ending: RegExp): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
    .filter((path) => ending.test(path));
}

describe('the package', () => {
  it('has no file of another kind', () => {
    expect(strays(paths)).toEqual([]);
  });

  it('has a module for each source, and no others', () => {
    const wanted = COMPILED.flatMap((folder) => filesUnder(folder, /\.ts$/));
    const modules = paths.filter((path) => path.startsWith('dist/') && path.endsWith('.js'));
    expect(modules.map((path) => path.slice('dist/'.length).replace(/js$/, 'ts')).sort()).toEqual(
      wanted.sort(),
    );
  });

  it('has what compiles the native library', () => {
    const wanted = filesUnder('native/lib', /\.[ch]$/);
    expect(paths).toEqual(expect.arrayContaining([...wanted, 'native/wg_ts.h']));
  });

  it('has the command, its manual, the licence and the documents', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;
    const named = [...manifest.man, ...Object.values(manifest.bin)];
    expect(paths).toEqual(expect.arrayContaining(named.map((path) => path.replace(/^\.\//, ''))));
    expect(paths).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'CHANGELOG.md']));
  });

  it('has each declaration for import and for require', () => {
    const declarations = paths.filter((path) => path.endsWith('.d.ts'));
    expect(declarations).toContain('dist/src/index.d.ts');
    expect(paths.filter((path) => path.endsWith('.d.cts')).sort()).toEqual(
      declarations.map((path) => path.replace(/ts$/, 'cts')).sort(),
    );
  });

  it('is not larger than it has to be', () => {
    expect(size).toBeLessThan(MOST_PACKED);
    expect(unpackedSize).toBeLessThan(MOST_UNPACKED);
  });

  it('runs nothing when it is installed', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;
    expect(Object.keys(scripts).filter((name) => /^(?:pre|post)?install$/.test(name))).toEqual([]);
  });
});

describe('these rules', () => {
  it.each([
    'ARCHITECTURE.md',
    'dist/src/index.js.map',
    'dist/test/native/abi.test.js',
    'dist/native/linux-x64/libwgts.so.4711',
    'dist/native/linux-riscv64/libwgts.so',
    'docs/api/index.html',
    'native/binding.ts',
    'native/fuzz/run.mjs',
    'native/lib/aead.o',
    'src/index.ts',
    'test/package/contents.test.ts',
    'wg-ts-0.1.0.tgz',
  ])('notice %s', (path) => {
    expect(strays(['LICENSE', path])).toEqual([path]);
  });
});
