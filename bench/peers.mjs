// Other implementations of WireGuard, in their newest versions. They are built from the registries of
// their languages into a cache folder, so that only a new version takes time. Where a toolchain is
// missing or a build fails, the program is not compared, and the report says why.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const CACHE = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'wg-ts-bench');
const BUILD_LIMIT = 20 * 60_000;

const GO_MODULE = 'golang.zx2c4.com/wireguard';

/** The programs, not yet built: `build` returns `{ program, version }`, or throws. */
export const PEERS = [
  { name: 'wireguard-go (newest)', build: buildWireguardGo },
  { name: 'boringtun (newest)', build: () => buildCrate('boringtun-cli', 'boringtun-cli') },
  { name: 'gotatun (newest)', build: () => buildCrate('gotatun-cli', 'gotatun') },
];

/** Returns the first line of a program's version output. */
export function versionOf(program, args = ['--version']) {
  const { status, stdout } = spawnSync(program, args, { encoding: 'utf8' });
  return status === 0 ? stdout.split('\n', 1)[0].trim() : undefined;
}

function buildWireguardGo() {
  const folder = join(CACHE, 'go');
  const program = join(folder, 'bin', 'wireguard');
  const env = { GOBIN: join(folder, 'bin'), GOPATH: folder, GOFLAGS: '-modcacherw', GOWORK: 'off' };
  const newest = ask('go', ['list', '-m', '-f', '{{.Version}}', `${GO_MODULE}@latest`], env);
  if (goVersion(program, env) !== newest) {
    console.error(`building ${GO_MODULE} ${newest}`);
    ask('go', ['install', `${GO_MODULE}@${newest}`], env);
  }
  const built = goVersion(program, env);
  if (built !== newest) throw new Error(`${program} is ${built}, not ${newest}`);
  // --version prints an outdated number from its source.
  return { program, version: `${GO_MODULE} ${newest}, ${versionOf('go', ['version'])}` };
}

function goVersion(program, env) {
  try {
    const [, version] =
      /^\s+mod\s+\S+\s+(\S+)/m.exec(ask('go', ['version', '-m', program], env)) ?? [];
    return version;
  } catch {
    return undefined;
  }
}

/** cargo builds only when the registry has a newer version than the installed one. */
function buildCrate(crate, binary) {
  const root = join(CACHE, 'cargo');
  ask('cargo', ['install', crate, '--locked', '--root', root]);
  const listed = ask('cargo', ['install', '--list', '--root', root]);
  const [, version] = new RegExp(`^${crate} v(\\S+):`, 'm').exec(listed) ?? [];
  const program = join(root, 'bin', binary);
  return { program, version: `${crate} ${version}, ${versionOf('rustc')}` };
}

function ask(program, args, env = {}) {
  mkdirSync(CACHE, { recursive: true });
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    // Not in the repository, which is not a Go module or crate.
    cwd: CACHE,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    timeout: BUILD_LIMIT,
  });
  if (error?.code === 'ENOENT') throw new Error(`no ${program} here`);
  if (status === 0) return stdout.trim();
  const reason = error?.message ?? stderr.trim().split('\n').at(-1);
  throw new Error(`${program} ${args[0]} failed: ${reason}`);
}
