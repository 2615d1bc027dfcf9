import { eventually } from '../../support/waiting.js';
import type { Lab } from './lab.js';
import { mustRun, run } from './process.js';

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** A shell in a terminal of tmux(1), whose server and socket are the lab's. */
export class Terminal {
  readonly #tmux: readonly string[];

  private constructor(lab: Lab) {
    this.#tmux = ['env', '-u', 'TMUX', `TMUX_TMPDIR=${lab.folder}`, 'tmux', '-L', 'wg-ts'];
  }

  static async open(lab: Lab, { columns, rows }: TerminalSize): Promise<Terminal> {
    const terminal = new Terminal(lab);
    lab.onClose(async () => {
      await run([...terminal.#tmux, 'kill-server']);
    });
    const size = ['-x', String(columns), '-y', String(rows)];
    const shell = 'env -u NO_COLOR LC_ALL=C.UTF-8 PS1="ready> " bash --norc --noprofile';
    await mustRun([
      ...terminal.#tmux,
      ...['-u', '-f', '/dev/null', 'new-session', '-d', '-s', 'test'],
      ...size,
      shell,
    ]);
    await terminal.shows(/ready>/);
    return terminal;
  }

  /** What is to be seen, a line each; with `colors`, as the escape sequences for it. */
  async lines(colors: 'colors' | 'plain' = 'plain'): Promise<string[]> {
    const flags = colors === 'colors' ? ['-e'] : [];
    const text = await this.#ask('capture-pane', '-p', ...flags, '-t', 'test');
    return text.split('\n').slice(0, -1);
  }

  /** Waits for `pattern`; returns what is seen then. */
  async shows(pattern: RegExp): Promise<string> {
    let seen = '';
    try {
      return await eventually(`the terminal shows ${pattern}`, 15_000, async () => {
        seen = (await this.lines()).join('\n').trimEnd();
        return pattern.test(seen) ? seen : undefined;
      });
    } catch (error) {
      throw new Error(`${(error as Error).message}, but:\n${seen}`);
    }
  }

  /** Types a line. */
  async type(line: string): Promise<void> {
    await this.#ask('send-keys', '-t', 'test', '-l', line);
    await this.press('Enter');
  }

  /** As tmux names keys: `q`, `C-c`. */
  async press(key: string): Promise<void> {
    await this.#ask('send-keys', '-t', 'test', key);
  }

  async resize({ columns, rows }: TerminalSize): Promise<void> {
    await this.#ask('resize-window', '-t', 'test', '-x', String(columns), '-y', String(rows));
  }

  async isCursorShown(): Promise<boolean> {
    return (await this.#ask('display', '-p', '-t', 'test', '#{cursor_flag}')).trim() === '1';
  }

  async isAlternate(): Promise<boolean> {
    return (await this.#ask('display', '-p', '-t', 'test', '#{alternate_on}')).trim() === '1';
  }

  async #ask(...args: readonly string[]): Promise<string> {
    return await mustRun([...this.#tmux, ...args]);
  }
}
