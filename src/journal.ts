import type { Command } from '../system/commands.js';

/** Where the undo of what is about to be done is written down, for when this process is killed. */
export interface UndoJournal {
  /** All commands so far, in the order of the steps. Called before each step that adds to them. */
  record(commands: readonly Command[]): void;
}

/** Commands of all steps so far, told to whoever keeps them. */
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
