import type { Command } from '../netconfig.js';

/** One command of a plan, and what takes it back. */
export interface PlannedStep {
  readonly command: Command;
  readonly undo: readonly Command[];
}
