// node main.mjs REPORT FILE...: runs test files in this process, one after the other, and writes what
// became of each test: [{ file, name, state, errors, milliseconds }].
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { startTests } from '@vitest/runner';
import './vitest.mjs';

const [report, ...files] = process.argv.slice(2);
const results = [];

const runner = {
  config: {
    root: process.cwd(),
    setupFiles: [],
    name: undefined,
    passWithNoTests: false,
    testNamePattern: process.env.WG_TS_WINE_PATTERN && new RegExp(process.env.WG_TS_WINE_PATTERN),
    allowOnly: true,
    sequence: { shuffle: false, concurrent: false, seed: 1, hooks: 'stack', setupFiles: 'list' },
    chaiConfig: undefined,
    maxConcurrency: 1,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    retry: 0,
    includeTaskLocation: false,
    diffOptions: {},
    tags: [],
    strictTags: false,
  },
  async importFile(path) {
    await import(pathToFileURL(path).href);
  },
  onAfterRunTask(task) {
    record(task);
  },
  onAfterRunSuite(suite) {
    if (suite.result?.errors?.length) record(suite);
  },
};

function record(task) {
  const { state = 'unknown', errors = [], duration = 0 } = task.result ?? {};
  results.push({
    file: task.file.filepath,
    name: fullName(task),
    state: task.mode === 'skip' || task.mode === 'todo' ? 'skip' : state,
    errors: errors.map((error) => error.stack ?? String(error.message ?? error)),
    milliseconds: Math.round(duration),
  });
  const mark = { pass: 'ok', fail: 'FAILED' }[results.at(-1).state] ?? results.at(-1).state;
  console.log(`${mark.padEnd(6)} ${results.at(-1).name} (${Math.round(duration)} ms)`);
  for (const text of results.at(-1).errors) console.log(text);
}

function fullName(task) {
  const names = [];
  for (let t = task; t && t !== t.file; t = t.suite) names.unshift(t.name);
  return names.join(' > ') || task.name;
}

function recordSkipped(task) {
  if (task.type === 'suite') for (const inner of task.tasks) recordSkipped(inner);
  else if (task.mode === 'skip' || task.mode === 'todo') {
    if (!results.some((r) => r.name === fullName(task))) record(task);
  }
}

process.on('unhandledRejection', (error) => {
  results.push({
    file: '',
    name: 'unhandled rejection',
    state: 'fail',
    errors: [String(error?.stack ?? error)],
    milliseconds: 0,
  });
});
const done = await startTests(files, runner);
for (const file of done) recordSkipped(file);
writeFileSync(report, JSON.stringify(results));
const failed = results.filter(({ state }) => state === 'fail').length;
console.log(`${results.length} tests, ${failed} failed`);
process.exit(failed > 0 || results.length === 0 ? 1 : 0);
