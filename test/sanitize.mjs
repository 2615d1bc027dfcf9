// Runs the tests that load the native library once more with builds of it for AddressSanitizer with
// UndefinedBehaviorSanitizer, and for ThreadSanitizer: `npm run test:sanitize`.
//
//   sanitize.mjs [REPORT]   writes vitest's results to REPORT-address and REPORT-thread as JSON
//
// Node itself is not built with sanitizers, so their runtime is preloaded. ThreadSanitizer then reports
// much about V8: only reports that mention the library count.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compile, sources } from '../native/build.mjs';

const TESTS = ['test/native/conformance.test.ts', 'test/native/stress.test.ts'];
const SHARED_FLAGS = ['-O1', '-fno-omit-frame-pointer', '-Wno-tsan'];
const VITEST = 'node_modules/vitest/vitest.mjs';

const SANITIZERS = [
  {
    name: 'address',
    flags: ['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined'],
    runtimes: ['libasan.so', 'libubsan.so'],
    // Node itself leaves memory unfreed at exit.
    env: { ASAN_OPTIONS: 'detect_leaks=0' },
    launcher: [],
    complaint: /AddressSanitizer|runtime error:/,
  },
  {
    name: 'thread',
    flags: ['-fsanitize=thread'],
    runtimes: ['libtsan.so'],
    // Its reports about V8 must not fail the run.
    env: { TSAN_OPTIONS: 'exitcode=0' },
    // It needs a fixed range of addresses, which randomisation may occupy.
    launcher: ['setarch', '-R'],
    complaint: /native\/lib\//,
  },
];

/** Returns the path of a runtime library of gcc, or undefined. */
function runtime(name) {
  const { stdout } = spawnSync('gcc', [`-print-file-name=${name}`], { encoding: 'utf8' });
  const path = stdout?.trim();
  return path && existsSync(path) ? path : undefined;
}

/** Returns true if every test passed and the sanitizer reported nothing. */
function run(sanitizer, folder, report) {
  const { name, flags, env, launcher, complaint } = sanitizer;
  const runtimes = sanitizer.runtimes.map(runtime);
  if (runtimes.includes(undefined)) {
    console.log(`== ${name} sanitizer skipped: gcc or its runtime library is not here`);
    return process.env.WG_TS_REQUIRE_SYSTEM !== '1';
  }
  const library = join(folder, `${name}.so`);
  compile({ out: library, files: sources(), flags: [...SHARED_FLAGS, ...flags], compiler: 'gcc' });
  const reporters = report
    ? ['--reporter=default', '--reporter=json', `--outputFile.json=${report}-${name}`]
    : [];
  const argv = [...launcher, process.execPath, VITEST, 'run', '--project', 'program', ...reporters];
  const { status, stdout, stderr } = spawnSync('env', [...argv, ...TESTS], {
    encoding: 'utf8',
    env: {
      ...process.env,
      ...env,
      LD_PRELOAD: runtimes.join(' '),
      WG_TS_NATIVE_LIBRARY: library,
    },
    maxBuffer: 64 * 1024 * 1024,
    timeout: 300_000,
  });
  const words = `${stdout}${stderr}`;
  const complaints = words.split('==================').filter((text) => complaint.test(text));
  const isGood = status === 0 && complaints.length === 0;
  console.log(`== ${name} sanitizer: ${isGood ? 'nothing reported' : 'failed'}`);
  if (!isGood) console.log(complaints.length > 0 ? complaints.slice(0, 5).join('\n') : stdout);
  return isGood;
}

const folder = mkdtempSync(join(tmpdir(), 'wg-ts-sanitize-'));
try {
  const results = SANITIZERS.map((sanitizer) => run(sanitizer, folder, process.argv[2]));
  if (results.includes(false)) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true });
}
