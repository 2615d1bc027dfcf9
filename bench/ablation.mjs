// Measures what each offload of the native data plane is worth by turning it off and keeping the rest.
import { OFFLOADS } from '../dist/native/offloads.js';
import { burstsFor } from './comparison.mjs';
import { newKeyPair } from './kinds.mjs';
import { circumstances, wgTsVersion } from './machine.mjs';
import { tcp, titleOf, udp, udpBursts } from './measures.mjs';
import { cell, ratio, table } from './tables.mjs';
import { byTurns, withTunnel } from './turns.mjs';

const NAMES = OFFLOADS.map(({ name }) => name);

const ALL_ON = 'everything on';

const CASES = [
  { name: ALL_ON, variation: {} },
  ...NAMES.map((name) => ({
    name: `without ${name}`,
    variation: { WG_TS_NATIVE_WITHOUT: name },
  })),
  { name: 'without any of these', variation: { WG_TS_NATIVE_WITHOUT: NAMES.join(',') } },
  ...[1, 2].map((count) => ({
    name: `everything on, ${count === 1 ? '1 worker' : `${count} workers`}`,
    variation: { WG_TS_WORKERS: String(count) },
  })),
];

const FIGURES = ['tcp1', 'cpuPerGigabit', 'udp64', 'udp1400', 'udpBursts'];

/** Resolves to the text of the section and what went wrong. */
export async function ablate(lab, kind, { repeats, seconds }) {
  const keys = { client: newKeyPair(), server: newKeyPair() };
  const problems = [];
  const bursts = await burstsFor(lab, problems);
  const { results, missing } = await byTurns(lab, CASES, repeats, ({ variation }, note) =>
    withTunnel(lab, kind, keys, { variation }, async ({ target, pids }) => {
      note(await tcp(lab, target, seconds, 1, pids));
      for (const bytes of [64, 1400]) note(await udp(lab, target, seconds, bytes));
      if (bursts) note(await udpBursts(lab, target, seconds, bursts));
    }),
  );
  // Without the reference there is nothing to report.
  const text = results.get(ALL_ON).size > 0 && report(kind, results, { repeats, seconds });
  return { text: text || undefined, missing: [...problems, ...missing] };
}

function report(kind, results, { repeats, seconds }) {
  const reference = results.get(ALL_ON);
  const rows = CASES.map(({ name }) => {
    const own = results.get(name);
    const cells = FIGURES.map((key) => cell(own.get(key)));
    const [tcp1, ...rest] = cells;
    return [name, tcp1, ratio(own.get('tcp1'), reference.get('tcp1')), ...rest];
  });
  const [tcp1, ...rest] = FIGURES.map(titleOf);
  return `## What each offload is worth

${circumstances()}, ${wgTsVersion()}; ${kind.name}.

Each row turns one thing off at both ends and keeps the rest. Without vnet-hdr there is no tso, uso or
coalescing. ${repeats} repeats in turn, flows of ${seconds} seconds; the cells are as above.

${table(['', tcp1, `to ${ALL_ON}`, ...rest], rows)}`;
}
