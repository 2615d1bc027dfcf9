import { Command, Option } from 'commander';
import { EXIT_INTERRUPTED } from '../explain.js';
import { note, print } from '../output.js';

interface SelftestOptions {
  readonly json?: boolean;
  readonly skip: readonly string[];
}

export const selftestCommand: Command = new Command('selftest')
  .summary('check everything a tunnel needs on this machine')
  .description(
    'Creates an interface with documentation addresses (192.0.2.0/24, 2001:db8::/32), configures it, sends traffic through both data planes, removes everything again, and reports each step. It takes less than a minute. On Windows the kill switch blocks other traffic for about a second.',
  )
  .option('--json', 'print the report as JSON')
  .addOption(
    new Option('--skip <CHECK>', 'skip a check, by its name in the report; may be repeated')
      .argParser((check: string, others: readonly string[]) => [...others, check])
      .default([], 'none'),
  )
  .addHelpText(
    'after',
    `
Exit code 1: a check failed. Most checks are skipped without root or an elevated prompt.

Examples:
  sudo wg-ts selftest
  wg-ts selftest --skip "kill switch" --json > report.json`,
  )
  .action(async ({ json = false, skip }: SelftestOptions) => {
    const { runChecks } = await import('../selftest/check.js');
    const { allChecks } = await import('../selftest/selftest.js');
    const report = await import('../selftest/report.js');
    const interrupted = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.on(signal, () => interrupted.abort());
    const checks = allChecks();
    for (const name of skip)
      if (!checks.some((check) => check.name === name))
        note(`warning: there is no check named ${name}`);
    if (!json) print(report.formatMachine());
    const results = await runChecks(checks, {
      skip,
      signal: interrupted.signal,
      onResult: (result) => {
        if (!json) print(report.formatResult(result));
      },
    });
    if (json) print(`${JSON.stringify(report.toJson(results), undefined, 2)}\n`);
    else print(report.formatSummary(results));
    const isFailed = results.some(({ state }) => state === 'failed');
    process.exitCode = interrupted.signal.aborted ? EXIT_INTERRUPTED : isFailed ? 1 : 0;
  });
