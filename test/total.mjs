// Adds up vitest's JSON reports, one for each project, and prints each under the report's name. Fails if a test
// failed, if a report is missing or broken, and, with WG_TS_REQUIRE_SYSTEM=1, if a test was skipped.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

function countOf(report) {
  let failed = report.numFailedTests;
  // A file that failed to load has no tests to count.
  for (const { status, assertionResults } of report.testResults)
    if (status === 'failed' && !assertionResults.some((test) => test.status === 'failed'))
      failed += 1;
  const skipped = report.numPendingTests + report.numTodoTests;
  return { passed: report.numPassedTests, failed, skipped };
}

const wordsOf = ({ passed, failed, skipped }) =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`;

const total = { passed: 0, failed: 0, skipped: 0 };
for (const file of process.argv.slice(2)) {
  try {
    const count = countOf(JSON.parse(readFileSync(file, 'utf8')));
    for (const key of Object.keys(total)) total[key] += count[key];
    console.log(`${basename(file)}: ${wordsOf(count)}`);
  } catch (error) {
    console.error(`${file}: ${error.message}`);
    total.failed += 1;
  }
}
const mayNotSkip = process.env.WG_TS_REQUIRE_SYSTEM === '1';
console.log(wordsOf(total));
process.exitCode = total.failed > 0 || (mayNotSkip && total.skipped > 0) ? 1 : 0;
