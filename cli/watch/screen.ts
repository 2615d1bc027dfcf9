import { createLogUpdate } from 'log-update';
import type { Size } from './table.js';

const ENTER = '\x1b[?1049h\x1b[?25l\x1b[H';
/** Resets colours first, as the signal that ends the program may have cut off a line. */
const LEAVE = '\x1b[0m\x1b[?25h\x1b[?1049l';
const CLEAR = '\x1b[2J\x1b[H';
const CTRL_C = '\x03';
const CTRL_Z = '\x1a';
const DEFAULT_SIZE: Size = { columns: 80, rows: 24 };
const HAS_JOBS = process.platform !== 'win32';

export interface ScreenEvents {
  /** q or Ctrl-C. */
  readonly onQuit: () => void;
  /** Called when everything has to be redrawn: after a resize, or on return from Ctrl-Z. */
  readonly onRedraw: () => void;
}

/** The terminal's alternate screen, without a cursor; the main screen stays untouched. */
export class Screen {
  readonly #events: ScreenEvents;
  readonly #stdin = process.stdin;
  readonly #stdout = process.stdout;
  #update = this.#newUpdate();
  #isShown = false;

  constructor(events: ScreenEvents) {
    this.#events = events;
  }

  /** Valid even while the screen is not shown. */
  get size(): Size {
    const { columns, rows } = this.#stdout;
    return { columns: columns || DEFAULT_SIZE.columns, rows: rows || DEFAULT_SIZE.rows };
  }

  open(): void {
    // The last resort, when an error ends the program.
    process.on('exit', this.#leave);
    if (HAS_JOBS) process.on('SIGTSTP', this.#suspend).on('SIGCONT', this.#resume);
    this.#stdout.on('resize', this.#redraw);
    if (this.#stdin.isTTY) this.#stdin.on('data', this.#press);
    this.#enter();
  }

  /** `lines` must be fewer than the rows: log-update ends the last one with a line break. */
  draw(lines: readonly string[]): void {
    if (this.#isShown) this.#update(lines.join('\n'));
  }

  /** Restores the terminal. Idempotent. */
  close(): void {
    this.#leave();
    process.off('exit', this.#leave);
    if (HAS_JOBS) process.off('SIGTSTP', this.#suspend).off('SIGCONT', this.#resume);
    this.#stdout.off('resize', this.#redraw);
    this.#stdin.off('data', this.#press).pause();
  }

  readonly #press = (keys: Buffer): void => {
    const text = keys.toString('latin1');
    if (text.toLowerCase() === 'q' || text.includes(CTRL_C)) this.#events.onQuit();
    // As a terminal does when it is not in raw mode: the signal goes to the whole foreground group.
    else if (HAS_JOBS && text.includes(CTRL_Z)) process.kill(0, 'SIGTSTP');
  };

  /** With a listener SIGTSTP no longer stops the process, so SIGSTOP has to. */
  readonly #suspend = (): void => {
    this.#leave();
    process.kill(process.pid, 'SIGSTOP');
  };

  readonly #resume = (): void => {
    // The shell, or a SIGSTOP from elsewhere, left the terminal in another mode.
    this.#leave();
    this.#enter();
    this.#redraw();
  };

  readonly #redraw = (): void => {
    if (this.#isShown) this.#stdout.write(CLEAR);
    this.#update = this.#newUpdate();
    this.#events.onRedraw();
  };

  #newUpdate(): ReturnType<typeof createLogUpdate> {
    // Otherwise it would show and hide the cursor on stderr.
    return createLogUpdate(process.stdout, { showCursor: true });
  }

  #enter(): void {
    this.#isShown = true;
    this.#stdout.write(ENTER);
    if (this.#stdin.isTTY) this.#stdin.setRawMode(true).resume();
  }

  readonly #leave = (): void => {
    if (!this.#isShown) return;
    this.#isShown = false;
    if (this.#stdin.isTTY) this.#stdin.setRawMode(false);
    this.#stdout.write(LEAVE);
  };
}
