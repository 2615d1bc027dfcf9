/** Builds once before the tests of a project that need dist/, where a source is newer. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SOURCES = ['cli', 'crypto', 'native', 'network', 'protocol', 'src', 'system', 'tun', 'udp'];
const LOCK = path.join(ROOT, 'node_modules/.wg-ts-build');
const PATIENCE_MS = 240_000;

/** Several runs may ask at once. Throws with the compiler's messages. */
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
      execFileSync('npm', ['run', '--silent', 'build:js'], { cwd: ROOT, stdio: 'pipe' });
      execFileSync(process.execPath, ['native/build.mjs'], { cwd: ROOT, stdio: 'pipe' });
    } catch (error) {
      throw new Error(`cannot build:\n${(error as { stdout?: unknown }).stdout}`, { cause: error });
    } finally {
      rmdirSync(LOCK);
    }
  }
}

function isStale(): boolean {
  const built = statSync(path.join(ROOT, 'dist/.built'), { throwIfNoEntry: false });
  if (!built) return true;
  return SOURCES.some((folder) =>
    readdirSync(path.join(ROOT, folder), { recursive: true, withFileTypes: true }).some(
      (entry) => statSync(path.join(entry.parentPath, entry.name)).mtimeMs > built.mtimeMs,
    ),
  );
}

export { buildOnce as setup };
