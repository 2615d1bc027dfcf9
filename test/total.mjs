// Adds up vitest's JSON reports. Fails when a test failed, when a report is missing or broken, and,
// with WG_TS_REQUIRE_SYSTEM=1, when a test was skipped.
import { readFileSync } from 'node:fs';

const total = { passed: 0, failed: 0, skipped: 0 };
for (const file of process.argv.slice(2)) {
  try {
    const report = JSON.parse(readFileSync(file, 'utf8'));
    total.passed += report.numPassedTests;
    total.failed += report.numFailedTests;
    total.skipped += report.numPendingTests + report.numTodoTests;
    // A file that could not even be loaded has no tests to count.
    for (const { status, assertionResults } of report.testResults)
      if (status === 'failed' && !assertionResults.some((test) => test.status === 'failed'))
        total.failed += 1;
  } catch (error) {
    console.error(`${file}: ${error.message}`);
    total.failed += 1;
  }
}
const mayNotSkip = process.env.WG_TS_REQUIRE_SYSTEM === '1';
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 || (mayNotSkip && total.skipped > 0) ? 1 : 0;
