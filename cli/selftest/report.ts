import { release, version } from 'node:os';
import { packageVersion } from '../../src/packageversion.js';
import type { Result } from './check.js';

const COLUMN = 9;

/** Returns `FAILED   interface: the reason`, and below it what to do. */
export function formatResult({ name, state, ...rest }: Result): string {
  const mark = (state === 'failed' ? 'FAILED' : state).padEnd(COLUMN);
  const { detail, advice } = rest as { detail: string; advice?: string };
  const todo = advice === undefined ? '' : `${' '.repeat(COLUMN)}do: ${advice}\n`;
  return `${mark}${name}: ${detail}\n${todo}`;
}

export function formatMachine(): string {
  const { node, system, machine, wgTs } = machineOf();
  return `wg-ts ${wgTs} selftest on ${system} (${machine}), Node.js ${node}\n\n`;
}

/** `12 ok, 1 failed, 3 skipped`. */
export function formatSummary(results: readonly Result[]): string {
  const { ok, failed, skipped } = countStates(results);
  const verdict = failed === 0 ? '' : ': see the checks marked FAILED';
  return `\n${ok} ok, ${failed} failed, ${skipped} skipped${verdict}\n`;
}

/** For `--json`. */
export function toJson(results: readonly Result[]): object {
  return { ...machineOf(), ...countStates(results), checks: results };
}

export function machineOf(): Record<'wgTs' | 'node' | 'system' | 'machine', string> {
  return {
    wgTs: packageVersion(),
    node: process.versions.node,
    system: `${version()} ${release()}`,
    machine: `${process.platform}-${process.arch}`,
  };
}

function countStates(results: readonly Result[]): Record<Result['state'], number> {
  const count = (state: Result['state']): number =>
    results.filter((result) => result.state === state).length;
  return { ok: count('ok'), failed: count('failed'), skipped: count('skipped') };
}
