/** What went wrong, for programs; stable across versions. */
export type ErrorCode =
  | 'ERR_USAGE'
  | 'ERR_CONFIG'
  | 'ERR_NAME'
  | 'ERR_NOT_ROOT'
  | 'ERR_NO_TUN'
  | 'ERR_UNSUPPORTED'
  | 'ERR_ADDRESS_IN_USE'
  | 'ERR_ROUTE_IN_USE'
  | 'ERR_PORT_IN_USE'
  | 'ERR_RESOLVE'
  | 'ERR_ALREADY_UP'
  | 'ERR_NOT_UP'
  | 'ERR_NETCONFIG'
  | 'ERR_HOOK'
  | 'ERR_FILE'
  | 'ERR_DOWNLOAD'
  | 'ERR_HASH'
  | 'ERR_WINDOWS'
  | 'ERR_RESTART_NEEDED'
  | 'ERR_HANDSHAKE_TIMEOUT'
  | 'ERR_NO_PEER'
  | 'ERR_NO_ENDPOINT'
  | 'ERR_CLOSED'
  | 'ERR_SYSTEMD';

/** 2: what the user wrote has to change; 3: this system or this user cannot do it; else 1. */
const EXIT_CODES: Partial<Record<ErrorCode, number>> = {
  ERR_USAGE: 2,
  ERR_CONFIG: 2,
  ERR_NAME: 2,
  ERR_NOT_ROOT: 3,
  ERR_NO_TUN: 3,
  ERR_UNSUPPORTED: 3,
};

/** Of the process, for an error of whichever class with this code. */
export function exitCodeOf(code: string): number {
  return (EXIT_CODES as Readonly<Record<string, number>>)[code] ?? 1;
}

/** What an error may have besides its message. */
export interface ErrorDetails {
  /** What to do next, one line. */
  readonly hint?: string;
  /** What it came of. */
  readonly cause?: unknown;
}

/** An error that a user can act on: a stable code, a message of one line, and often a hint. */
export class WgTsError extends Error {
  /** Stable across versions. */
  readonly code: ErrorCode;
  /** What to do next, one line. */
  declare readonly hint?: string;
  /** Of the process, when nothing else is left to do. */
  readonly exitCode: number;

  /** Line breaks in `message` become spaces. */
  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(oneLine(message), details.cause === undefined ? {} : { cause: details.cause });
    this.name = 'WgTsError';
    this.code = code;
    this.exitCode = exitCodeOf(code);
    if (details.hint !== undefined) this.hint = oneLine(details.hint);
  }
}

/** `what` takes effect at `connect` only, and is a clause. */
export function restartNeeded(what: string): WgTsError {
  return new WgTsError('ERR_RESTART_NEEDED', what, {
    hint: 'close the tunnel and connect it with the new configuration',
  });
}

/** A remark about a place in a configuration file. Never holds a secret. */
export interface ConfigProblem {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
  /** As the documentation spells it; absent when the problem is not the value of a key. */
  readonly key?: string;
  /** What is wrong, and what would be right. */
  readonly message: string;
}

/** `office.conf:7:14: AllowedIPs: ...` */
export function formatProblem(file: string, problem: ConfigProblem): string {
  const key = problem.key === undefined ? '' : `${problem.key}: `;
  return oneLine(`${file}:${problem.line}:${problem.column}: ${key}${problem.message}`);
}

/** A configuration file that cannot be used. The message tells the first problem. */
export class ConfigError extends WgTsError {
  /** The name that `parseConfig` was given. */
  readonly file: string;
  /** Of the first problem, from 1. */
  readonly line: number;
  /** Of the first problem, from 1, in UTF-16 units. */
  readonly column: number;
  /** Of the first problem. */
  declare readonly key?: string;
  /** In the order of the file; a file with very many problems is read up to the twentieth. */
  readonly problems: readonly ConfigProblem[];

  /** The message is made of the first problem. */
  constructor(file: string, problems: readonly [ConfigProblem, ...ConfigProblem[]]) {
    const [first, ...others] = problems;
    const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
    super('ERR_CONFIG', formatProblem(file, first) + more);
    this.name = 'ConfigError';
    this.file = file;
    this.line = first.line;
    this.column = first.column;
    if (first.key !== undefined) this.key = first.key;
    this.problems = problems;
  }
}

function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trimEnd();
}
