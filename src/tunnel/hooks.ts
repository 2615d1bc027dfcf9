import { WgTsError } from '../../system/errors.js';
import { hookCommand, runShell } from '../../system/shell.js';
import type { Config } from '../config/model.js';
import type { Journal } from '../journal.js';
import type { UndoStack } from '../undo.js';

export interface HookOptions {
  /** Called with each line before it runs. */
  readonly onStep?: (line: string) => void;
  /** Ends the running line, and skips the ones after it. */
  readonly signal?: AbortSignal;
}

const KEYS = {
  preUp: 'PreUp',
  postUp: 'PostUp',
  preDown: 'PreDown',
  postDown: 'PostDown',
} as const;

export interface PermittedHooks {
  readonly config: Config;
  /** One for each line that will not run. */
  readonly warnings: readonly string[];
}

/**
 * A file may come from a person with fewer rights than this process, so its commands run only when that
 * was allowed: by `wg-ts up`, as with wg-quick(8), but on Windows and in an embedding program only on
 * request, by `option`.
 */
export function permittedHooks(config: Config, isAllowed: boolean, option: string): PermittedHooks {
  if (isAllowed) return { config, warnings: [] };
  const keys = Object.keys(KEYS) as (keyof typeof KEYS)[];
  const warnings = keys.flatMap((key) =>
    config.interface[key].map((line) => `${KEYS[key]} is skipped without ${option}: ${line}`),
  );
  const none = { preUp: [], postUp: [], preDown: [], postDown: [] };
  return { config: { ...config, interface: { ...config.interface, ...none } }, warnings };
}

/**
 * Runs the lines one after the other. Throws WgTsError ERR_HOOK for the first that fails, and the
 * signal's reason.
 */
export async function runHooks(
  key: string,
  hooks: readonly string[],
  interfaceName: string,
  { onStep, signal }: HookOptions = {},
): Promise<void> {
  for (const hook of hooks) {
    signal?.throwIfAborted();
    onStep?.(hook.replaceAll('%i', interfaceName));
    const status = await runShell(hookCommand(hook, interfaceName), signal);
    signal?.throwIfAborted();
    if (status !== 0)
      throw new WgTsError('ERR_HOOK', `a ${key} command failed (${status}): ${hook}`, {
        hint: `run it by hand to see why, or take it out of the configuration`,
      });
  }
}

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
    // The journal is run from its end, but the hooks have to run in their own order.
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
