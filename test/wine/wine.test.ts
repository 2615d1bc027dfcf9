/** All of test/windows, run by the Windows build of Node.js under Wine; each test there is one here. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

interface WindowsResult {
  readonly name: string;
  readonly state: 'pass' | 'fail' | 'skip';
  readonly errors: readonly string[];
  readonly milliseconds: number;
}

interface Wine {
  close(): void;
}

interface Scripts {
  whyNoWine(): string | undefined;
  windowsTests(): string[];
  openWindows(folder: string): Wine;
  runWindowsTest(
    wine: Wine,
    folder: string,
    file: string,
  ): Promise<{ readonly results: readonly WindowsResult[] }>;
}

// By computed names: TypeScript has no declarations of scripts.
const load = async (name: string): Promise<Scripts> =>
  (await import(new URL(name, import.meta.url).href)) as Scripts;
const { whyNoWine } = await load('./setup.mjs');
const { windowsTests, openWindows, runWindowsTest } = await load('./run.mjs');

const missing = whyNoWine();
const root = fileURLToPath(new URL('../../', import.meta.url));

if (missing !== undefined)
  describe.skip(`Windows (skipped: ${missing})`, () => it('runs', () => {}));
else await runAll();

async function runAll(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'wg-ts-wine-'));
  const wine = openWindows(folder);
  try {
    for (const file of windowsTests()) {
      const { results } = await runWindowsTest(wine, folder, file);
      report(relative(join(root, 'test/windows'), file), results);
    }
  } finally {
    wine.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  }
}

function report(file: string, results: readonly WindowsResult[]): void {
  describe(file, () => {
    it('has tests', () => expect(results.length).toBeGreaterThan(0));
    for (const { name, state, errors } of results)
      if (state === 'skip') it.skip(name, () => {});
      else
        it(name, () => {
          if (state !== 'pass') throw new Error(errors.join('\n') || `the test ended as ${state}`);
        });
  });
}
