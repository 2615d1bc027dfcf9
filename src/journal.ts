import type { Command } from '../system/commands.js';

/** Records how to undo the next changes, in case this process is killed. */
export interface UndoJournal {
  /** All commands so far, in the order of the steps. Called before each step that adds to them. */
  record(commands: readonly Command[]): void;
}

/** Collects the commands of all steps and passes them to the `UndoJournal`. */
export class Journal {
  readonly #target: UndoJournal | undefined;
  readonly #commands: Command[] = [];

  constructor(target: UndoJournal | undefined) {
    this.#target = target;
  }

  add(commands: readonly Command[]): void {
    this.#commands.push(...commands);
    this.#target?.record(this.#commands);
  }
}
