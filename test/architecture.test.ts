/** The shape of the code: what may import what, and what keeps the core free of clocks and schedules. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cruise, type IForbiddenRuleType } from 'dependency-cruiser';
import ts from 'typescript';
import { afterEach, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const folders = ['crypto', 'protocol', 'system', 'tun', 'udp', 'network', 'native', 'src', 'cli'];
const MAX_LINES = 450;

type Builtins = 'and builtins' | 'no builtins';

/** Files under the paths `from` may import each other, what matches `to`, and perhaps what node has. */
function only(
  name: string,
  from: readonly string[],
  to: readonly string[],
  builtins: Builtins = 'and builtins',
): IForbiddenRuleType {
  const own = from.map((path) => `^${path}`);
  return {
    name,
    severity: 'error',
    comment: `${name} imports nothing but ${to.join(', ')}, ${builtins}`,
    from: { path: own },
    to: {
      pathNot: [...own, ...to],
      ...(builtins === 'and builtins' && { dependencyTypesNot: ['core'] }),
    },
  };
}

/** Only what matches `except`, and tests, may import what lies under the path `folder`. */
function nobodyImports(folder: string, except: readonly string[] = []): IForbiddenRuleType {
  const from = { pathNot: [`^${folder}`, '^test/', ...except] };
  return { name: `nobody imports ${folder}`, severity: 'error', from, to: { path: `^${folder}` } };
}

const IP = '^protocol/(constants|dataplane|ip)\\.ts$';
const KOFFI = '^node_modules/koffi/';
/** What every folder of src/ may use: the machine, the protocol, and what lies flat in src/. */
const BASE = [
  '^(crypto|protocol|system)/',
  '^src/(keys|logger|logtape|packageversion|undo|journal)\\.ts$',
  '^node_modules/',
];
const DEVICES = ['^(network|tun|udp)/'];

/** From the lowest to the highest: each may import those before it. */
const LIBRARY = ['config', 'uapi', 'dataplane', 'names', 'control', 'metrics', 'tunnel'] as const;

function ofLibrary(folder: (typeof LIBRARY)[number]): IForbiddenRuleType {
  const lower = LIBRARY.slice(0, LIBRARY.indexOf(folder)).map((name) => `^src/${name}/`);
  const machine = folder === 'config' || folder === 'uapi' ? [] : DEVICES;
  // The tunnel takes its cryptography from where it is fastest.
  const native =
    { dataplane: ['^native/'], tunnel: ['^native/providers\\.ts$'] }[folder as string] ?? [];
  return only(`src/${folder}`, [`src/${folder}/`], [...BASE, ...machine, ...native, ...lower]);
}

/**
 * What the program may use of the library besides `index` and `program`, which load too much for a verb
 * that only prints a key: single files that are quick to load.
 */
const FOR_PROGRAM = [
  '^cli/',
  '^src/(index|program|keys|undo|packageversion|logtape|version)\\.ts$',
  '^src/(config|uapi)/',
  '^src/control/endpoints/resolve\\.ts$',
  '^system/',
  '^crypto/(aead|secret)\\.ts$',
  '^protocol/(constants|dataplane|index|ip)\\.ts$',
  '^node_modules/',
];

/** Folders of the program that reach deeper than the others, and why. */
const PROGRAM: readonly (readonly [string, readonly string[]])[] = [
  // Speaks the protocol by itself: one handshake with each peer. Looks at what a tunnel has set.
  [
    'cli/doctor',
    ['^protocol/', '^native/providers\\.ts$', '^network/linux/(dns|resolvconf/resolvconf)\\.ts$'],
  ],
  // Undoes what a killed process has left.
  ['cli/runtime', ['^network/']],
  // Tries each part by itself.
  [
    'cli/selftest',
    ['^(crypto|network|tun)/', '^native/providers\\.ts$', '^src/dataplane/choice\\.ts$'],
  ],
  ['cli/wintun', ['^tun/windows/wintun/']],
  ['cli', []],
];

function ofProgram(folder: string, more: readonly string[]): IForbiddenRuleType {
  const others = folder === 'cli' ? PROGRAM.map(([name]) => name).filter((n) => n !== 'cli') : [];
  const rule = only(folder, [`${folder}/`], [...FOR_PROGRAM, ...more]);
  return { ...rule, from: { ...rule.from, pathNot: others.map((name) => `^${name}/`) } };
}

const rules: IForbiddenRuleType[] = [
  only('crypto', ['crypto/'], ['^node_modules/@noble/', '^(node:)?crypto$'], 'no builtins'),
  only('protocol', ['protocol/'], ['^crypto/', '^node_modules/ipaddr\\.js/'], 'no builtins'),
  only('system', ['system/'], [IP, KOFFI]),
  only('tun', ['tun/'], ['^system/', IP, KOFFI]),
  only('udp', ['udp/'], ['^system/', IP, KOFFI]),
  only('network', ['network/'], ['^system/', IP, KOFFI]),
  only(
    'native',
    ['native/'],
    ['^(crypto|protocol|system)/', '^tun/tun\\.ts$', '^udp/transport\\.ts$', KOFFI],
  ),
  ...LIBRARY.map(ofLibrary),
  ...PROGRAM.map(([folder, more]) => ofProgram(folder, more)),
  nobodyImports('test/'),
  nobodyImports('bench/'),
  nobodyImports('cli/'),
  nobodyImports('cli/verbs/', ['^cli/commandline\\.ts$']),
  { name: 'no circles', severity: 'error', from: {}, to: { circular: true } },
];

/** Broken rules as "rule: file imports file". */
async function violations(baseDir: string, paths: string[]): Promise<string[]> {
  const { output } = await cruise(paths, {
    baseDir,
    validate: true,
    ruleSet: { forbidden: rules },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
  });
  if (typeof output === 'string') throw new Error(output);
  return output.summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`);
}

function sourcesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name));
}

const present = folders.filter((folder) => readdirSync(root).includes(folder));

const CLOCKS_AND_SCHEDULES = new Set([
  'Date',
  'performance',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
]);

/** Identifiers that name such a global, with their line. */
function impurities(name: string, text: string): string[] {
  const file = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && CLOCKS_AND_SCHEDULES.has(node.text)) {
      const { line } = file.getLineAndCharacterOfPosition(node.getStart());
      found.push(`${name}:${line + 1} ${node.text}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

/** Where it may be asked which operating system this is; above it nothing should have to know. */
const PLATFORM_FILES = [
  /^(?:system|cli)\//,
  /^(?:tun|udp|network)\/open\.ts$/,
  /^src\/dataplane\/(?:choice|open)\.ts$/,
  /^src\/config\/(?:file|replacefile)\.ts$/,
  /^src\/uapi\/client\.ts$/,
];

function asksForPlatform(name: string, text: string): boolean {
  return /\bprocess\.platform\b/.test(text) && !PLATFORM_FILES.some((one) => one.test(name));
}

function hasDefaultExport(name: string, text: string): boolean {
  const file = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
  return file.statements.some((statement) => {
    if (ts.isExportAssignment(statement)) return true;
    if (ts.isExportDeclaration(statement) && statement.exportClause)
      return /\bas default\b/.test(statement.exportClause.getText());
    const modifiers = ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined;
    return modifiers?.some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword) ?? false;
  });
}

describe('the sources', () => {
  it('import downwards only and never in a circle', async () => {
    expect(await violations(root, present)).toEqual([]);
  });

  it.each(['crypto', 'protocol'])('have no clock and no schedule in %s', (folder) => {
    const all = sourcesIn(folder);
    expect(all.length).toBeGreaterThan(5);
    const found = all.flatMap((name) => impurities(name, readFileSync(join(root, name), 'utf8')));
    expect(found).toEqual([]);
  });

  it('ask for the operating system in few places', () => {
    const all = present.flatMap(sourcesIn);
    const asking = all.filter((name) =>
      asksForPlatform(name, readFileSync(join(root, name), 'utf8')),
    );
    expect(asking).toEqual([]);
  });

  it('are small files without default exports', () => {
    const tooLong: string[] = [];
    const withDefault: string[] = [];
    for (const name of [...present, 'test'].flatMap(sourcesIn)) {
      const text = readFileSync(join(root, name), 'utf8');
      const lines = text.split('\n').length - 1;
      if (lines > MAX_LINES) tooLong.push(`${name}: ${lines}`);
      if (hasDefaultExport(name, text)) withDefault.push(name);
    }
    expect({ tooLong, withDefault }).toEqual({ tooLong: [], withDefault: [] });
  });
});

describe('these rules', () => {
  const made: string[] = [];

  afterEach(() => {
    for (const directory of made.splice(0)) rmSync(directory, { recursive: true });
  });

  function project(files: Record<string, string>): string {
    const directory = mkdtempSync(join(tmpdir(), 'wg-ts-architecture-'));
    made.push(directory);
    for (const [name, text] of Object.entries(files)) {
      const path = join(directory, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    }
    return directory;
  }

  const target = 'export const value = 1;\n';

  it.each([
    ['crypto/a.ts', 'protocol/b.ts', 'crypto'],
    ['crypto/a.ts', 'node:fs', 'crypto'],
    ['crypto/a.ts', 'src/b.ts', 'crypto'],
    ['protocol/a.ts', 'node:crypto', 'protocol'],
    ['protocol/a.ts', 'tun/b.ts', 'protocol'],
    ['protocol/a.ts', 'node_modules/@noble/hashes/blake2.js', 'protocol'],
    ['system/a.ts', 'tun/b.ts', 'system'],
    ['system/linux/a.ts', 'protocol/device.ts', 'system'],
    ['tun/a.ts', 'src/b.ts', 'tun'],
    ['tun/linux/a.ts', 'crypto/b.ts', 'tun'],
    ['tun/linux/a.ts', 'udp/b.ts', 'tun'],
    ['udp/a.ts', 'network/b.ts', 'udp'],
    ['network/windows/a.ts', 'tun/b.ts', 'network'],
    ['native/a.ts', 'src/b.ts', 'native'],
    ['native/a.ts', 'tun/linux/device.ts', 'native'],
    ['src/config/a.ts', 'src/uapi/b.ts', 'src/config'],
    ['src/config/a.ts', 'network/b.ts', 'src/config'],
    ['src/uapi/a.ts', 'src/control/b.ts', 'src/uapi'],
    ['src/dataplane/a.ts', 'src/control/b.ts', 'src/dataplane'],
    ['src/control/a.ts', 'src/metrics/b.ts', 'src/control'],
    ['src/control/a.ts', 'native/b.ts', 'src/control'],
    ['src/metrics/a.ts', 'src/tunnel/b.ts', 'src/metrics'],
    ['src/tunnel/a.ts', 'src/index.ts', 'src/tunnel'],
    ['cli/a.ts', 'src/tunnel/tunnel.ts', 'cli'],
    ['cli/verbs/a.ts', 'network/b.ts', 'cli'],
    ['cli/doctor/a.ts', 'network/b.ts', 'cli/doctor'],
    ['cli/runtime/a.ts', 'tun/b.ts', 'cli/runtime'],
    ['cli/selftest/a.ts', 'src/tunnel/b.ts', 'cli/selftest'],
    ['cli/wintun/a.ts', 'tun/linux/b.ts', 'cli/wintun'],
    ['cli/daemon/a.ts', 'cli/verbs/b.ts', 'nobody imports cli/verbs/'],
    ['src/a.ts', 'cli/b.ts', 'nobody imports cli/'],
    ['src/a.ts', 'test/b.ts', 'nobody imports test/'],
    ['src/config/a.ts', 'bench/b.ts', 'nobody imports bench/'],
  ])('notice that %s imports %s', async (from, to, rule) => {
    const up = '../'.repeat(from.split('/').length - 1);
    const isFile = !to.startsWith('node:');
    const specifier = isFile ? `${up}${to.replace(/\.ts$/, '.js')}` : to;
    const baseDir = project({
      [from]: `import type { value } from '${specifier}';\nexport type V = typeof value;\n`,
      ...(isFile && { [to]: target }),
    });
    const broken = await violations(baseDir, [from]);
    expect(broken.some((text) => text.startsWith(`${rule}: ${from} -> `))).toBe(true);
  });

  it('allow what the design intends', async () => {
    const allowed = [
      ['crypto/a.ts', 'node:crypto'],
      ['protocol/a.ts', '../crypto/b.js'],
      ['tun/a.ts', 'node:fs/promises'],
      ['udp/a.ts', '../protocol/ip.js'],
      ['native/a.ts', '../tun/tun.js'],
      ['src/tunnel/a.ts', '../config/b.js'],
      ['cli/selftest/a.ts', '../../tun/tun.js'],
      ['src/a.ts', '../protocol/b.js'],
      ['cli/a.ts', '../src/index.js'],
    ] as const;
    const files = Object.fromEntries(
      allowed.map(([from, to]) => [from, `import '${to}';\nexport const value = 1;\n`]),
    );
    const targets = Object.fromEntries(
      ['crypto/b', 'protocol/b', 'protocol/ip', 'tun/tun', 'src/config/b', 'src/index'].map(
        (name) => [`${name}.ts`, target],
      ),
    );
    const baseDir = project({ ...files, ...targets });
    expect(await violations(baseDir, Object.keys(files))).toEqual([]);
  });

  it('notice circles, even of types', async () => {
    const baseDir = project({
      'src/a.ts': `import type { B } from './b.js';\nexport type A = B;\n`,
      'src/b.ts': `import type { A } from './a.js';\nexport type B = A;\n`,
    });
    expect(await violations(baseDir, ['src'])).toEqual(['no circles: src/a.ts -> src/b.ts']);
  });

  it('notice clocks, but not their names in comments and strings', () => {
    const text = [
      '// Date is fine here',
      "const a = 'performance';",
      'const b = Date.now();',
      'globalThis.setTimeout(() => b, 1);',
    ].join('\n');
    expect(impurities('x.ts', text)).toEqual(['x.ts:3 Date', 'x.ts:4 setTimeout']);
  });

  it.each([
    ['src/tunnel/a.ts', true],
    ['tun/linux/open.ts', true],
    ['native/codec.ts', true],
    ['tun/open.ts', false],
    ['system/a.ts', false],
    ['cli/verbs/a.ts', false],
  ])('say whether %s must not ask for the operating system', (name, expected) => {
    expect(asksForPlatform(name, "if (process.platform === 'win32') a();")).toBe(expected);
    expect(asksForPlatform(name, 'a(platform);')).toBe(false);
  });

  it.each([
    ['export default 1;', true],
    ['export default function f() {}', true],
    ['const a = 1;\nexport { a as default };', true],
    ['export const a = 1;', false],
    ['export { a } from "./a.js";', false],
  ])('say whether %s is a default export', (text, expected) => {
    expect(hasDefaultExport('x.ts', text)).toBe(expected);
  });
});
