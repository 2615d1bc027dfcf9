/** The output of the demo: lines that stay and, on a terminal, the current step below them. */
import cliTruncate from 'cli-truncate';
import { createLogUpdate } from 'log-update';
import { type Colors, print, stdoutColors } from '../output.js';
import type { Result } from '../selftest/check.js';
import { formatResult } from '../selftest/report.js';

/** Returns the lines of a frame; lines wider than `columns` are cut. */
export type Draw = (columns: number, colors: Colors) => readonly string[];

const FRAME_MS = 100;
const DEFAULT_COLUMNS = 80;
const PAINT = { ok: 'green', skipped: 'yellow', failed: 'red' } as const;

/** Prints plain lines to a pipe, and to a terminal that can do no more. */
export class Stage {
  /** Ends the current step, without a line for it. */
  readonly signal: AbortSignal;
  readonly #colors = stdoutColors();
  /** The cursor stays visible, so that nothing has to be restored however the program ends. */
  readonly #live =
    process.stdout.isTTY === true && process.env['TERM'] !== 'dumb'
      ? createLogUpdate(process.stdout, { showCursor: true })
      : undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  /** Prints lines that stay. */
  print(text: string): void {
    if (this.#live) this.#live.persist(text);
    else print(text);
  }

  printSkipped(name: string, detail: string): void {
    this.#printResult(name, 'skipped', detail);
  }

  /** `work` returns a description of its result. Throws what `work` throws. */
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

  /** Draws several times a second, until called with another drawing or undefined. */
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

  /** In the format of `wg-ts selftest`, with the mark in colour. */
  #printResult(name: string, state: Result['state'], detail: string): void {
    const line = formatResult({ name, state, detail, milliseconds: 0 });
    this.print(line.replace(/^\S+/, this.#colors[PAINT[state]]));
  }
}
