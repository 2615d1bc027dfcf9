import type { ConfigProblem } from './errors.js';
import type { Report } from './values.js';

/** A finding that does not keep the file from being used. */
export type ConfigWarning = ConfigProblem;

/** Enough to repair a file by. The limit bounds the work that a hostile file can cause. */
export const MAX_FINDINGS = 20;

/** Thrown at the last problem that is reported, and caught by parseConfig. */
export class TooManyProblems extends Error {}

export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Collects the problems and warnings of a file. */
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

  /** Returns a `Report` for the value of `key`, which begins at the given place. */
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
