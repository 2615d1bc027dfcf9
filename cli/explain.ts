import { ConfigError, formatProblem } from '../src/config/errors.js';
import { messageOf, WgTsError } from '../system/errors.js';
import { oneLine } from '../system/text.js';

export interface Explanation {
  /** `error: ...`, and `hint: ...` where there is one. */
  readonly lines: readonly string[];
  readonly exitCode: number;
}

/** The command line or the configuration has to be corrected. */
export const EXIT_USAGE = 2;
/** The convention of shells: 128 plus the number of SIGINT. */
export const EXIT_INTERRUPTED = 130;

/** For errors whose message does not say what to do. */
const HINTS: Readonly<Record<string, string>> = {
  ERR_ADDRESS_IN_USE: 'take the other interface down, or give this one another Address in its file',
  ERR_ROUTE_IN_USE:
    'take the other interface down, remove the network from AllowedIPs, or give this one a Table of its own (Table = off, Table = 1000)',
  ERR_UAPI: 'is this a program that speaks the protocol of wg(8)? Try wg show',
};
/** On Windows the messages already name the function that failed, and what to do. */
const HINTS_ON_LINUX: Readonly<Record<string, string>> = {
  ERR_TUN: 'see the end of `dmesg` for what the kernel says about it',
  ERR_NETCONFIG: 'everything before this step was undone; run the command by hand to see why',
  ERR_MARK: 'setting FwMark needs root or CAP_NET_ADMIN, even inside a container',
};

function hintOf(code: string): string | undefined {
  return HINTS[code] ?? (process.platform === 'win32' ? undefined : HINTS_ON_LINUX[code]);
}

/** Explains an error to the user, without a stack unless WG_TS_DEBUG=1. */
export function explain(error: unknown, env: NodeJS.ProcessEnv = process.env): Explanation {
  const { lines, exitCode } = explainBriefly(error);
  const stack = env['WG_TS_DEBUG'] === '1' && error instanceof Error ? [String(error.stack)] : [];
  return { lines: [...lines, ...stack], exitCode };
}

function explainBriefly(error: unknown): Explanation {
  if (error instanceof ConfigError)
    return {
      lines: error.problems.map((problem) => `error: ${formatProblem(error.file, problem)}`),
      exitCode: error.exitCode,
    };
  if (error instanceof WgTsError)
    return withHint(error.message, error.hint ?? hintOf(error.code), error.exitCode);
  if (error instanceof Error && error.name === 'AbortError')
    return { lines: [], exitCode: EXIT_INTERRUPTED };
  return withHint(
    `unexpected: ${oneLine(messageOf(error))}`,
    'this is a bug in wg-ts: please report it, with the stack trace that WG_TS_DEBUG=1 adds',
    1,
  );
}

function withHint(message: string, hint: string | undefined, exitCode: number): Explanation {
  const lines = [`error: ${message}`];
  if (hint !== undefined) lines.push(`hint: ${hint}`);
  return { lines, exitCode };
}
