import type { Command } from '../../system/commands.js';

/** One command of a plan, and what takes it back. */
export interface PlannedStep {
  readonly command: Command;
  readonly undo: readonly Command[];
}
