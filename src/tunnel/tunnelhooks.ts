import type { Config } from '../config/model.js';
import type { Journal } from '../journal.js';
import type { UndoStack } from '../undo.js';
import { type HookOptions, hookCommand, runHooks } from './hooks.js';

/** PreUp, PostUp, PreDown and PostDown, the latter two also when the bring-up fails after them. */
export class TunnelHooks {
  readonly #config: Config['interface'];
  readonly #name: string;
  readonly #undo: UndoStack;
  readonly #journal: Journal;
  readonly #options: HookOptions;

  constructor(
    config: Config,
    name: string,
    undo: UndoStack,
    journal: Journal,
    options: HookOptions,
  ) {
    this.#config = config.interface;
    this.#name = name;
    this.#undo = undo;
    this.#journal = journal;
    this.#options = options;
  }

  async preUp(): Promise<void> {
    const { preUp, postDown } = this.#config;
    this.#undoBy('PostDown', postDown);
    await this.#run('PreUp', preUp, this.#options.signal);
  }

  async postUp(): Promise<void> {
    const { postUp, preDown } = this.#config;
    this.#undoBy('PreDown', preDown);
    await this.#run('PostUp', postUp, this.#options.signal);
  }

  #undoBy(key: string, hooks: readonly string[]): void {
    if (hooks.length === 0) return;
    // The journal is read from its end, and the hooks have to run in their own order.
    this.#journal.add([...hooks].reverse().map((h) => ({ argv: hookCommand(h, this.#name) })));
    this.#undo.push(key, () => this.#run(key, hooks));
  }

  async #run(key: string, hooks: readonly string[], signal?: AbortSignal): Promise<void> {
    const onStep = this.#options.onStep;
    await runHooks(key, hooks, this.#name, {
      ...(onStep && { onStep }),
      ...(signal && { signal }),
    });
  }
}
