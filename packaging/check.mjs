// Checks the package as npm would publish it: `npm run check:package`, after a build. Needs no network.
//
// - publint: every file that package.json names is in the tarball, in the module format that its name and
//   conditions promise. (In the checkout, a wrong path in "exports" goes unnoticed.)
// - attw (@arethetypeswrong/cli): for each way of importing an entry, TypeScript finds the types of what node
//   would load; tsc checks only the one way that it is configured for.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = (name) => join(root, 'node_modules/.bin', name);

function run(command, ...args) {
  const { status, stdout, error } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (error) throw error;
  return { isWell: status === 0, stdout };
}

function check(name, ...args) {
  const { isWell, stdout } = run(bin(name), ...args);
  console.log(`== ${name}\n${stdout.trim()}`);
  if (!isWell) process.exitCode = 1;
}

const folder = mkdtempSync(join(tmpdir(), 'wg-ts-package-'));
try {
  // Without scripts: `prepare` would build once more.
  const packed = run('npm', 'pack', '--json', '--ignore-scripts', '--pack-destination', folder);
  if (!packed.isWell) throw new Error('npm pack failed');
  const [{ filename }] = JSON.parse(packed.stdout);
  const tarball = join(folder, filename);
  check('publint', 'run', '--strict', tarball);
  check('attw', '--no-color', '--format', 'table-flipped', tarball);
} finally {
  rmSync(folder, { recursive: true });
}
