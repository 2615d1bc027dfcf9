import { type Command, commandText, type Runner, type RunResult } from '../../system/commands.js';
import { firstLine } from '../../system/text.js';
import { NetConfigError } from '../errors.js';

/** Throws NetConfigError with the first line of the program's output. */
export async function runOrThrow(run: Runner, command: Command): Promise<string> {
  const result = await run(command);
  if (result.status === 0) return result.stdout;
  throw failure(command, result);
}

export function failure(command: Command, result: RunResult): NetConfigError {
  const inUse =
    command.argv.includes('address') && /File exists|already assigned/i.test(result.stderr);
  return new NetConfigError(
    inUse ? 'ERR_ADDRESS_IN_USE' : 'ERR_NETCONFIG',
    commandText(command),
    firstLine(result.stderr) ?? `failed with status ${result.status}`,
  );
}
