/** What a program pays for `import 'wg-ts'` before it calls anything: modules, and nothing else. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const PROBE = fileURLToPath(new URL('importprobe.mjs', import.meta.url));

/** What importprobe.mjs prints. */
interface Probed {
  /** Modules and addons, by their paths below the package's root. */
  readonly loaded: readonly string[];
  /** What was left or done by the import. */
  readonly effects: {
    readonly libraries: readonly string[];
    readonly globals: readonly string[];
    readonly listeners: readonly string[];
    readonly environment: readonly string[];
    readonly resources: readonly string[];
    readonly calls: readonly string[];
  };
}

const NO_EFFECTS: Probed['effects'] = {
  libraries: [],
  globals: [],
  listeners: [],
  environment: [],
  resources: [],
  calls: [],
};

let folder = '';

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'wg-ts-import-'));
});

afterAll(() => rmSync(folder, { recursive: true }));

async function probe(module: string): Promise<Probed> {
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    [PROBE, pathToFileURL(module).href, pathToFileURL(ROOT).href],
    // Without what vitest has put there.
    { env: { PATH: process.env['PATH'] ?? '' }, timeout: 120_000 },
  );
  expect(stderr).toBe('');
  return JSON.parse(stdout) as Probed;
}

/** Of a module that does what `code` says; `DIST` stands for the built package. */
async function probeOf(code: string): Promise<Probed> {
  const module = path.join(folder, 'module.mjs');
  writeFileSync(module, code.replaceAll('DIST', pathToFileURL(path.join(ROOT, 'dist')).href));
  return await probe(module);
}

/** Packages that take long to load, and that not every program needs. */
const LAZY = [
  'node_modules/koffi/',
  'node_modules/@koromix/',
  'node_modules/@logtape/',
  'node_modules/prom-client/',
  'node_modules/commander/',
  // Of the curves the protocol takes the ladder alone.
  'node_modules/@noble/curves/ed25519.js',
  'node_modules/@noble/curves/abstract/edwards.js',
  'node_modules/@noble/hashes/sha2.js',
  // All that moves packets or touches the system.
  'dist/src/tunnel/bringup.js',
  'dist/src/dataplane/portable.js',
  'dist/udp/linux/',
  'dist/src/metrics/server.js',
  'dist/native/dataplane.js',
  'dist/network/linux/netconfig.js',
  'dist/network/windows/',
  'dist/cli/',
];

function lazyOnes(loaded: readonly string[]): readonly string[] {
  return loaded.filter((name) => LAZY.some((start) => name.startsWith(start)));
}

describe.each([
  ['wg-ts', 'dist/src/index.js'],
  ['wg-ts/protocol', 'dist/protocol/index.js'],
])('the import of %s', (_name, entry) => {
  it('loads what every program needs and nothing more', async () => {
    const { loaded } = await probe(path.join(ROOT, entry));
    expect(loaded).toContain(entry);
    expect(lazyOnes(loaded)).toEqual([]);
  });

  it('has no side effect', async () => {
    const { effects } = await probe(path.join(ROOT, entry));
    expect(effects).toEqual(NO_EFFECTS);
  });
});

describe('this probe', () => {
  it('sees what is loaded later, by import and by require', async () => {
    const { loaded } = await probeOf(`
      import { systemClock } from 'DIST/src/index.js';
      import { loadedLogger } from 'DIST/src/logger.js';
      systemClock();
      await loadedLogger('office');
    `);
    expect(lazyOnes(loaded)).toEqual(
      expect.arrayContaining([
        expect.stringContaining('node_modules/koffi/'),
        expect.stringContaining('node_modules/@logtape/'),
      ]),
    );
  });

  it.each<[keyof Probed['effects'], string, string]>([
    ['libraries', `import { systemClock } from 'DIST/src/index.js'; systemClock();`, 'koffi'],
    ['globals', 'globalThis.office = 1;', 'office'],
    ['globals', `globalThis[Symbol.for('office')] = 1;`, 'Symbol(office)'],
    ['listeners', `process.once('exit', () => {});`, 'exit'],
    ['environment', `process.env.WG_TS_OFFICE = '1';`, 'WG_TS_OFFICE'],
    ['resources', 'setInterval(() => {}, 1e6);', 'Timeout'],
    ['calls', 'setInterval(() => {}, 1e6).unref();', 'setInterval'],
    ['calls', `import { readFileSync } from 'node:fs'; readFileSync('/dev/null');`, 'readFileSync'],
    [
      'calls',
      `import { open } from 'node:fs/promises'; (await open('/dev/null')).close();`,
      'open',
    ],
    [
      'calls',
      `import { createSocket } from 'node:dgram'; createSocket('udp4').close();`,
      'createSocket',
    ],
    [
      'calls',
      `import { packageVersion } from 'DIST/src/index.js'; packageVersion();`,
      'readFileSync',
    ],
  ])('notices %s: %s', async (kind, code, expected) => {
    const { effects } = await probeOf(code);
    expect(effects[kind].join('\n')).toContain(expected);
  });
});
