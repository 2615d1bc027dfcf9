/** Where the demo shows itself: lines that stay and, on a terminal, below them what goes on now. */
import cliTruncate from 'cli-truncate';
import { createLogUpdate } from 'log-update';
import { type Colors, print, stdoutColors } from '../output.js';
import type { Result } from '../selftest/check.js';
import { formatResult } from '../selftest/report.js';

/** A frame, at most so many columns wide; wider lines are cut. */
export type Draw = (columns: number, colors: Colors) => readonly string[];

export interface Stage {
  /** Lines that stay. */
  print(text: string): void;
  /** Drawn several times a second, until another one or undefined comes. */
  show(draw: Draw | undefined): void;
}

const FRAME_MS = 100;
const DEFAULT_COLUMNS = 80;

/** Plain lines in a pipe, and on a terminal that can do no more. */
export function openStage(): Stage {
  const isLive = process.stdout.isTTY === true && process.env['TERM'] !== 'dumb';
  return isLive ? liveStage() : { print, show: () => undefined };
}

/** The cursor stays in sight, so that nothing is to be restored whatever ends the program. */
function liveStage(): Stage {
  const update = createLogUpdate(process.stdout, { showCursor: true });
  const colors = stdoutColors();
  let timer: NodeJS.Timeout | undefined;
  return {
    print: (text) => update.persist(text),
    show(draw) {
      clearInterval(timer);
      update.clear();
      if (!draw) return;
      const render = (): void => {
        const columns = process.stdout.columns || DEFAULT_COLUMNS;
        update(
          draw(columns, colors)
            .map((line) => cliTruncate(line, columns))
            .join('\n'),
        );
      };
      render();
      timer = setInterval(render, FRAME_MS);
    },
  };
}

const PAINT = { ok: 'green', skipped: 'yellow', failed: 'red' } as const;

/** As `wg-ts selftest` has it, with the mark in colour. */
function resultLine(result: Pick<Result, 'name' | 'state'> & { readonly detail: string }): string {
  const colors = stdoutColors();
  return formatResult({ ...result, milliseconds: 0 }).replace(/^\S+/, colors[PAINT[result.state]]);
}

export function printSkipped(stage: Stage, name: string, detail: string): void {
  stage.print(resultLine({ name, state: 'skipped', detail }));
}

/** `work` answers what it has come to. Throws what it throws. */
export async function step(
  stage: Stage,
  name: string,
  draw: Draw | undefined,
  signal: AbortSignal,
  work: () => Promise<string>,
): Promise<void> {
  stage.show(draw);
  try {
    signal.throwIfAborted();
    const detail = await work();
    stage.show(undefined);
    stage.print(resultLine({ name, state: 'ok', detail }));
  } catch (error) {
    stage.show(undefined);
    const detail = error instanceof Error ? error.message : String(error);
    if (!signal.aborted) stage.print(resultLine({ name, state: 'failed', detail }));
    throw error;
  }
}
