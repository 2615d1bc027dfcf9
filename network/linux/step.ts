import type { Command } from '../../system/commands.js';

/** One command of a plan, and the commands that undo it. */
export interface PlannedStep {
  readonly command: Command;
  readonly undo: readonly Command[];
}
