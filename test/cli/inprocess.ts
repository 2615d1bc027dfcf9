/** Verbs of the command line, run in the process of the test. */
import { runCommandLine } from '../../cli/commandline.js';

export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs `wg-ts ARGS` and captures what it prints, without colours. For verbs that read no stdin and do
 * not end the process themselves. One call at a time.
 */
export async function runVerb(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Output> {
  const output = { stdout: '', stderr: '' };
  const given = { NO_COLOR: '1', WG_TS_DEBUG: '', ...env };
  const before = Object.keys(given).map((name) => [name, process.env[name]] as const);
  const { exitCode } = process;
  const restore = (['stdout', 'stderr'] as const).map((name) => {
    const { write } = process[name];
    process[name].write = (text: string | Uint8Array): boolean => {
      output[name] += text;
      return true;
    };
    return () => {
      process[name].write = write;
    };
  });
  Object.assign(process.env, given);
  process.exitCode = undefined;
  try {
    await runCommandLine(args);
    return { code: Number(process.exitCode ?? 0), ...output };
  } finally {
    for (const put of restore) put();
    for (const [name, value] of before)
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    process.exitCode = exitCode;
  }
}
