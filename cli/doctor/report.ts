import { machineOf } from '../selftest/report.js';
import { type Finding, GROUPS } from './finding.js';

const COLUMN = 9;
const MARGIN = ' '.repeat(COLUMN);
/** The column after `do: `. */
const TODO_COLUMN: number = COLUMN + 4;
/** The least number of columns for text, on however narrow a terminal. */
const MIN_ROOM = 20;

/** `paint` colours a mark; it must not change its length. */
export interface Paint {
  readonly problem: (text: string) => string;
  readonly warning: (text: string) => string;
  readonly ok: (text: string) => string;
  readonly skipped: (text: string) => string;
}

export const PLAIN: Paint = {
  problem: (text) => text,
  warning: (text) => text,
  ok: (text) => text,
  skipped: (text) => text,
};

/** Returns the findings by group, and within a group in their original order. */
export function ordered(findings: readonly Finding[]): Finding[] {
  return findings.toSorted((a, b) => GROUPS.indexOf(a.group) - GROUPS.indexOf(b.group));
}

/** Returns the problem that may explain the others: the first one of the earliest group. */
export function causeOf(findings: readonly Finding[]): Finding | undefined {
  return ordered(findings).find(({ state }) => state === 'problem');
}

export interface Look {
  readonly paint: Paint;
  /** Columns of the terminal; absent: lines are not wrapped. */
  readonly width?: number;
}

/** Returns a block of the report, with findings in the order of causes. */
export function formatFindings(findings: readonly Finding[], title: string, look: Look): string {
  const lines = ordered(findings).map((finding) => formatFinding(finding, look));
  return `${title}\n${lines.join('')}`;
}

function formatFinding({ state, name, detail, hint }: Finding, { paint, width }: Look): string {
  const mark = paint[state]((state === 'problem' ? 'PROBLEM' : state).padEnd(COLUMN));
  const told = indented(`${name}: ${detail}`, COLUMN, width);
  const todo =
    hint === undefined ? '' : `${MARGIN}${indented(`do: ${hint}`, TODO_COLUMN, width)}\n`;
  return `${mark}${told}\n${todo}`;
}

/** Breaks a text that begins beyond the margin between words; the lines after the first begin at `column`. */
function indented(text: string, column: number, width: number | undefined): string {
  const room = Math.max(MIN_ROOM, (width ?? Number.POSITIVE_INFINITY) - column);
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > room) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines.join(`\n${' '.repeat(column)}`);
}

/** Returns the last lines of the report: what to do first. */
export function formatVerdict(findings: readonly Finding[], width?: number): string {
  const { problem, warning } = countStates(findings);
  const cause = causeOf(findings);
  if (!cause) return `no problem found${warning > 0 ? `, ${plural(warning, 'warning')}` : ''}\n`;
  const where = cause.tunnel === undefined ? '' : `${cause.tunnel}, `;
  const todo = cause.hint === undefined ? '' : `${indented(`do: ${cause.hint}`, 4, width)}\n`;
  const count = `${plural(problem, 'problem')}, ${plural(warning, 'warning')}`;
  const first = `${count}. First: ${where}${cause.name}: ${cause.detail}`;
  return `${indented(first, 0, width)}\n${todo}`;
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

/** For `--json`. */
export function toJson(findings: readonly Finding[]): object {
  const cause = causeOf(findings);
  return {
    ...machineOf(),
    ...countStates(findings),
    cause: cause ?? null,
    checks: ordered(findings),
  };
}

function countStates(findings: readonly Finding[]): Record<Finding['state'], number> {
  const count = (state: Finding['state']): number =>
    findings.filter((finding) => finding.state === state).length;
  return {
    ok: count('ok'),
    warning: count('warning'),
    problem: count('problem'),
    skipped: count('skipped'),
  };
}
