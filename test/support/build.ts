/** Once for a run of a project whose tests need dist/: a build, if a source is newer. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SOURCES = ['cli', 'crypto', 'native', 'network', 'protocol', 'src', 'system', 'tun', 'udp'];
const STAMP = path.join(ROOT, 'dist/src/version.js');
const LOCK = path.join(ROOT, 'node_modules/.wg-ts-build');
const PATIENCE_MS = 240_000;

/**
 * Builds when a source is newer than the last build; several runs may ask at once. A mistake of
 * types is none here: the type check tells it.
 */
export async function buildOnce(): Promise<void> {
  for (let waited = 0; isStale(); waited += 100) {
    if (waited >= PATIENCE_MS) throw new Error(`another build does not end: rmdir ${LOCK}`);
    try {
      mkdirSync(LOCK);
    } catch {
      await sleep(100);
      continue;
    }
    try {
      execFileSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, stdio: 'pipe' });
    } catch (error) {
      if (isStale()) throw error;
    } finally {
      rmdirSync(LOCK);
    }
  }
}

/** tsc writes every file at each build. */
function isStale(): boolean {
  if (!existsSync(STAMP)) return true;
  const builtAt = statSync(STAMP).mtimeMs;
  return SOURCES.some((folder) =>
    readdirSync(path.join(ROOT, folder), { recursive: true, withFileTypes: true }).some(
      (entry) => statSync(path.join(entry.parentPath, entry.name)).mtimeMs > builtAt,
    ),
  );
}

export { buildOnce as setup };
