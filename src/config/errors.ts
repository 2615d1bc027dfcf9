import { WgTsError } from '../../system/errors.js';
import { oneLine } from '../../system/text.js';

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

/** Returns a line such as `office.conf:7:14: AllowedIPs: ...`. */
export function formatProblem(file: string, problem: ConfigProblem): string {
  const key = problem.key === undefined ? '' : `${problem.key}: `;
  return oneLine(`${file}:${problem.line}:${problem.column}: ${key}${problem.message}`);
}

/** A configuration file that cannot be used. The message is that of the first problem. */
export class ConfigError extends WgTsError {
  /** The file name that was passed to `parseConfig`. */
  readonly file: string;
  /** Line of the first problem, from 1. */
  readonly line: number;
  /** Column of the first problem, from 1, in UTF-16 units. */
  readonly column: number;
  /** Key of the first problem. */
  declare readonly key?: string;
  /** In the order of the file; reading stops at the twentieth problem. */
  readonly problems: readonly ConfigProblem[];

  /** The message is that of the first problem. */
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
