import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, test } from 'vitest';
import { build } from './cprogram.js';

/** The command-line tool as `npm run build` leaves it; WG_TS_CLI names another, say an installed one. */
export const CLI: string =
  process.env['WG_TS_CLI'] ?? fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

/** What `import 'wg-ts'` finds where that tool is. */
export const LIBRARY: string = join(dirname(CLI), '../src/index.js');

/** The library in C that lies there, on Linux. */
export const NATIVE_LIBRARY: string = join(
  dirname(CLI),
  '../native',
  build.targetName(),
  'libwgts.so',
);

/**
 * WG_TS_SUBJECT=wg-quick puts wg-quick with wireguard-go where the client under test stands. Where
 * that fails too, the test is wrong.
 */
export const isReference: boolean = process.env['WG_TS_SUBJECT'] === 'wg-quick';

export type Plane = 'native' | 'portable';

/** The data plane of the tunnels under test: each project of vitest.config.ts sets its own. */
export const PLANE: Plane = process.env['WG_TS_DATAPLANE'] === 'native' ? 'native' : 'portable';

/** `native` is the native data plane, `compiler` one for the C programs of the tests. */
export type Need =
  | 'linux'
  | 'root'
  | 'tun'
  | 'namespaces'
  | 'cli'
  | 'native'
  | 'compiler'
  | Program;

type Program =
  | 'wireguard-go'
  | 'wg'
  | 'iperf3'
  | 'ping'
  | 'tcpdump'
  | 'nft'
  | 'nstat'
  | 'setpriv'
  | 'tmux';

/** What every test needs that brings up a tunnel between two namespaces. */
export const TUNNEL: readonly Need[] = ['namespaces', 'tun', 'cli', 'wireguard-go', 'wg', 'ping'];

/**
 * A `describe` that is skipped by name, with the reason, where the machine lacks something. With
 * WG_TS_REQUIRE_SYSTEM=1 a missing requirement is a failure instead. Where tunnels shall have the
 * native data plane, that is needed too.
 */
export function describeSystem(name: string, needs: readonly Need[], body: () => void): void {
  const isNative = PLANE === 'native' && needs.includes('cli');
  const all = new Set<Need>([...needs, ...(isNative ? (['native'] as const) : [])]);
  describeWhere(
    name,
    [...all].map(whyMissing).filter((reason) => reason !== undefined),
    body,
  );
}

/** The same for requirements of another kind: `missing` has a reason for each that is not met. */
export function describeWhere(name: string, missing: readonly string[], body: () => void): void {
  if (missing.length === 0) describe(name, body);
  else if (process.env['WG_TS_REQUIRE_SYSTEM'] === '1')
    describe(name, () => {
      test('has what it needs', () => {
        throw new Error(`missing: ${missing.join(', ')}`);
      });
    });
  else describe.skip(`${name} (skipped: ${missing.join(', ')})`, body);
}

const known = new Map<Need, string | undefined>();

function whyMissing(need: Need): string | undefined {
  if (!known.has(need)) known.set(need, examine(need));
  return known.get(need);
}

function examine(need: Need): string | undefined {
  switch (need) {
    case 'linux':
      return process.platform === 'linux' ? undefined : 'not Linux';
    case 'root':
      return process.getuid?.() === 0 ? undefined : 'not root';
    case 'tun':
      return isWritable('/dev/net/tun') ? undefined : 'no /dev/net/tun';
    case 'namespaces':
      return whyNoNamespaces();
    case 'cli':
      if (isReference) return isInPath('wg-quick') ? undefined : 'no wg-quick';
      return existsSync(CLI) ? undefined : 'wg-ts is not built';
    case 'native':
      return whyNotNative();
    case 'compiler':
      return build.findCompiler() ? undefined : 'no C compiler';
    default:
      return isInPath(need) ? undefined : `no ${need}`;
  }
}

function whyNoNamespaces(): string | undefined {
  if (process.platform !== 'linux') return 'not Linux';
  if (process.getuid?.() !== 0) return 'not root';
  if (!isInPath('ip')) return 'no iproute2';
  return spawnSync('unshare', ['--net', 'true']).status === 0 ? undefined : 'no network namespaces';
}

/** That it is there and cannot be loaded is no reason: then the tests shall fail. */
function whyNotNative(): string | undefined {
  if (isReference) return 'wg-quick has no data plane to choose';
  const file = process.env['WG_TS_NATIVE_LIBRARY'] ?? NATIVE_LIBRARY;
  if (existsSync(file)) return undefined;
  return build.findCompiler() ? 'no native library: npm run build:native' : 'no C compiler';
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function isInPath(program: string): boolean {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return [...folders, '/usr/sbin', '/sbin'].some((folder) => existsSync(join(folder, program)));
}
