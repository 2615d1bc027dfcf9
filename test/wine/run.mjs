// Runs tests of Windows code under Wine: node test/wine/run.mjs [-t PATTERN] [FILE...]
//
// Without a FILE all of test/windows. What they print is shown; WG_TS_WINE_KEEP=1 keeps the folder
// with the prefix, and says where it is.
import { spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { compileDoubles } from './doubles.mjs';
import { fetched, openWine, windowsPath } from './setup.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** All tests of Windows code, as paths. */
export function windowsTests() {
  return readdirSync(join(root, 'test/windows'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .sort()
    .map((name) => join(root, 'test/windows', name));
}

/** A prefix, the doubles and the true wintun.dll, below `folder`. */
export function openWindows(folder) {
  compileDoubles(join(folder, 'doubles'));
  const wine = openWine(folder);
  wine.env.WG_TS_WINE_WINTUN = windowsPath(fetched('wintun'));
  return wine;
}

/**
 * Runs one file of tests in a Node.js under `wine`. Answers its results, one a test; what cannot
 * be told by a result (a crash, no end) is a failed one.
 */
export async function runWindowsTest(wine, folder, file, { seconds = 300, pattern = '' } = {}) {
  const report = join(mkdtempSync(join(folder, 'report-')), 'report.json');
  const output = `${report}.txt`;
  const fd = openSync(output, 'w');
  const args = [wine.node, windowsPath(join(root, 'test/wine/runner/main.mjs'))];
  const child = spawn('wine', [...args, windowsPath(report), windowsPath(file)], {
    // Standard output has to be a file: Node.js cannot write to a pipe of Wine's.
    stdio: ['ignore', fd, fd],
    env: { ...wine.env, WG_TS_WINE_PATTERN: pattern },
    cwd: root,
  });
  closeSync(fd);
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill('SIGKILL');
  }, seconds * 1000);
  const code = await new Promise((done, fail) => {
    child.once('error', fail);
    child.once('exit', (status, signal) => done(status ?? signal));
  });
  clearTimeout(timer);
  const text = readFileSync(output, 'utf8');
  const results = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : [];
  const isUntold = code !== 0 && !results.some(({ state }) => state === 'fail');
  if (isLate || isUntold || results.length === 0) {
    const why = isLate ? `no end after ${seconds} s` : `ended with ${code}`;
    const errors = [`${why}; it printed:\n${text}`];
    results.push({ file, name: 'the process', state: 'fail', errors, milliseconds: 0 });
  }
  return { results, text };
}

async function main(args) {
  const pattern = args[0] === '-t' ? args.splice(0, 2)[1] : '';
  const folder = mkdtempSync(join(tmpdir(), 'wg-ts-wine-'));
  const wine = openWindows(folder);
  let failed = 0;
  try {
    for (const file of args.length > 0 ? args.map((name) => resolve(name)) : windowsTests()) {
      console.log(`== ${file}`);
      const { results, text } = await runWindowsTest(wine, folder, file, { pattern });
      process.stdout.write(text);
      failed += results.filter(({ state }) => state === 'fail').length;
    }
  } finally {
    wine.close();
    if (process.env.WG_TS_WINE_KEEP === '1') console.log(folder);
    else rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  }
  process.exitCode = failed > 0 ? 1 : 0;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  await main(process.argv.slice(2));
