/** Where the demo shows itself: lines that stay and, on a terminal, below them what goes on now. */
import cliTruncate from 'cli-truncate';
import { createLogUpdate } from 'log-update';
import { type Colors, print, stdoutColors } from '../output.js';
import type { Result } from '../selftest/check.js';
import { formatResult } from '../selftest/report.js';

/** A frame, at most so many columns wide; wider lines are cut. */
export type Draw = (columns: number, colors: Colors) => readonly string[];

const FRAME_MS = 100;
const DEFAULT_COLUMNS = 80;
const PAINT = { ok: 'green', skipped: 'yellow', failed: 'red' } as const;

/** Plain lines in a pipe, and on a terminal that can do no more. */
export class Stage {
  /** Ends the step that goes on, without a line for it. */
  readonly signal: AbortSignal;
  readonly #colors = stdoutColors();
  /** The cursor stays in sight, so that nothing is to be restored whatever ends the program. */
  readonly #live =
    process.stdout.isTTY === true && process.env['TERM'] !== 'dumb'
      ? createLogUpdate(process.stdout, { showCursor: true })
      : undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  /** Lines that stay. */
  print(text: string): void {
    if (this.#live) this.#live.persist(text);
    else print(text);
  }

  printSkipped(name: string, detail: string): void {
    this.#printResult(name, 'skipped', detail);
  }

  /** `work` returns what it has come to. Throws what it throws. */
  async step(name: string, draw: Draw | undefined, work: () => Promise<string>): Promise<void> {
    this.#show(draw);
    try {
      this.signal.throwIfAborted();
      const detail = await work();
      this.#show(undefined);
      this.#printResult(name, 'ok', detail);
    } catch (error) {
      this.#show(undefined);
      const detail = error instanceof Error ? error.message : String(error);
      if (!this.signal.aborted) this.#printResult(name, 'failed', detail);
      throw error;
    }
  }

  /** Drawn several times a second, until another one or undefined comes. */
  #show(draw: Draw | undefined): void {
    clearInterval(this.#timer);
    this.#live?.clear();
    if (!draw || !this.#live) return;
    const update = this.#live;
    const render = (): void => {
      const columns = process.stdout.columns || DEFAULT_COLUMNS;
      const lines = draw(columns, this.#colors).map((line) => cliTruncate(line, columns));
      update(lines.join('\n'));
    };
    render();
    this.#timer = setInterval(render, FRAME_MS);
  }

  /** As `wg-ts selftest` has it, with the mark in colour. */
  #printResult(name: string, state: Result['state'], detail: string): void {
    const line = formatResult({ name, state, detail, milliseconds: 0 });
    this.print(line.replace(/^\S+/, this.#colors[PAINT[state]]));
  }
}
