/** What TypeScript says of programs that use the package, by each way that it resolves modules. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Installed, installPacked, ROOT } from './packed.js';

const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');
const TSC_MS = 400_000;

let installed: Installed;

beforeAll(async () => {
  installed = await installPacked('@types/node', 'undici-types');
}, 120_000);

afterAll(() => installed?.remove());

/** Uses what a program would use, with mistakes that go unnoticed where a type has become `any`. */
const USE = `
const { config } = parseConfig('[Interface]\\nPrivateKey = ' + encodeKey(generatePrivateKey().expose()));
const [near, far] = memoryTunPair();

async function run(): Promise<bigint> {
  const tunnel: Tunnel = await connect(config, { tun: near, signal: AbortSignal.timeout(1000) });
  tunnel.on('handshake', ({ publicKey, role }) => {
    const key: string = publicKey;
    const other: 'initiator' | 'responder' = role;
    console.log(key, other);
  });
  const peer: PeerStatus | undefined = tunnel.peers()[0];
  await tunnel.close();
  far.close();
  return peer?.rxBytes ?? 0n;
}

// @ts-expect-error a configuration is a text or a Config
connect(42);
// @ts-expect-error there is no such event
run().then(() => undefined as unknown as Tunnel).then((tunnel) => tunnel.on('nonsense', () => {}));

export type Code = WgTsError['code'];
export const device: typeof Device = Device;
`;

const NAMES = `connect, encodeKey, generatePrivateKey, memoryTunPair, parseConfig,
  type PeerStatus, type Tunnel, type WgTsError`;

const PROGRAMS: Readonly<Record<string, string>> = {
  'module.mts': `import { ${NAMES} } from 'wg-ts';\nimport { Device } from 'wg-ts/protocol';\n${USE}`,
  'common.cts': `import { ${NAMES} } from 'wg-ts';\nimport { Device } from 'wg-ts/protocol';\n${USE}`,
  'required.cts': `import wg = require('wg-ts');\nimport protocol = require('wg-ts/protocol');
export const tunnel: typeof wg.Tunnel = wg.Tunnel;
export const device: typeof protocol.Device = protocol.Device;\n`,
};

const COMMON = {
  strict: true,
  skipLibCheck: false,
  noEmit: true,
  target: 'es2022',
  lib: ['es2022'],
  types: ['node'],
};

const SETTINGS: Readonly<Record<string, { options: object; programs: readonly string[] }>> = {
  node16: {
    options: { module: 'node16' },
    programs: ['module.mts', 'common.cts', 'required.cts'],
  },
  nodenext: {
    options: { module: 'nodenext', exactOptionalPropertyTypes: true },
    programs: ['module.mts', 'common.cts', 'required.cts'],
  },
  bundler: {
    options: { module: 'esnext', moduleResolution: 'bundler' },
    programs: ['module.mts'],
  },
  'commonjs (node10)': {
    options: { module: 'commonjs', moduleResolution: 'node10', ignoreDeprecations: '6.0' },
    programs: ['common.cts', 'required.cts'],
  },
};

/** Its complaints, and the files of the package that it has read. */
function compile(name: string): { complaints: string[]; read: string[] } {
  const setting = SETTINGS[name];
  if (setting === undefined) throw new Error(name);
  const folder = join(installed.folder, name.replaceAll(/\W/g, '-'));
  mkdirSync(folder);
  for (const program of setting.programs)
    writeFileSync(join(folder, program), PROGRAMS[program] ?? '');
  const settings = { compilerOptions: { ...COMMON, ...setting.options }, files: setting.programs };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(settings));
  const lines = tsc('-p', folder, '--listFiles', '--preserveSymlinks').split(/\r?\n/);
  const inner = /node_modules\/wg-ts\/(.*)$/;
  const read = lines.flatMap((line) => inner.exec(line)?.[1] ?? []);
  return { complaints: lines.filter((line) => line.includes('error TS')), read };
}

function tsc(...args: string[]): string {
  try {
    return execFileSync(process.execPath, [TSC, ...args], { encoding: 'utf8', timeout: TSC_MS });
  } catch (error) {
    if (error instanceof Error && 'stdout' in error && error.stdout) return String(error.stdout);
    throw error;
  }
}

describe('TypeScript', () => {
  it.each(Object.keys(SETTINGS))('is content with %s', { timeout: TSC_MS }, (name) => {
    const { complaints, read } = compile(name);
    expect(complaints).toEqual([]);
    expect(read.length).toBeGreaterThan(10);
    if (name !== 'node16') return;
    // All of them are read for something: none is in the package without being reached.
    const shipped = readdirSync(join(installed.package, 'dist'), { recursive: true })
      .map((path) => `dist/${String(path).replaceAll('\\', '/')}`)
      .filter((path) => /\.d\.c?ts$/.test(path));
    expect([...new Set(read)].sort()).toEqual(shipped.sort());
  });
});
