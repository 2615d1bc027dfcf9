import type { ConfigProblem } from './errors.js';
import type { Report } from './values.js';

/** A remark that does not keep the file from being used. */
export type ConfigWarning = ConfigProblem;

/** Enough to repair a file by; a hostile one must not make more work than that. */
export const MAX_FINDINGS = 20;

/** Thrown at the last problem that is told, and caught by parseConfig. */
export class TooManyProblems extends Error {}

export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Collects what is to be said about a file. */
export class Findings {
  readonly #problems: ConfigProblem[] = [];
  readonly #warnings: ConfigWarning[] = [];

  problem({ line, column }: Place, message: string, key?: string): void {
    this.#problems.push({ line, column, message, ...(key !== undefined && { key }) });
    if (this.#problems.length >= MAX_FINDINGS) throw new TooManyProblems();
  }

  warning({ line, column }: Place, message: string, key?: string): void {
    if (this.#warnings.length < MAX_FINDINGS)
      this.#warnings.push({ line, column, message, ...(key !== undefined && { key }) });
  }

  /** For the value of `key` that begins at `place`. */
  reporter({ line, column }: Place, key: string): Report {
    return (message, offset = 0) => this.problem({ line, column: column + offset }, message, key);
  }

  get problems(): readonly ConfigProblem[] {
    return this.#problems.toSorted(byPlace);
  }

  get warnings(): readonly ConfigWarning[] {
    return this.#warnings.toSorted(byPlace);
  }
}

function byPlace(a: Place, b: Place): number {
  return a.line - b.line || a.column - b.column;
}
