import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import { FIGURES } from './measures.mjs';

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function round(value) {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toFixed(digits);
}

function cell(values) {
  if (values === undefined || values.length === 0) return '';
  const spread = `[${round(Math.min(...values))} - ${round(Math.max(...values))}]`;
  return values.length === 1 ? round(values[0]) : `${round(median(values))} ${spread}`;
}

function ratio(values, reference) {
  if (!values?.length || !reference?.length) return '';
  return `${round(median(values) / median(reference))}x`;
}

function table(header, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

function version(program, args) {
  try {
    return execFileSync(program, args, { encoding: 'utf8' }).split('\n', 1)[0].trim();
  } catch {
    return `${program}: unknown version`;
  }
}

/** `results` maps a kind's name to a map of figures to the values of all repeats. */
export function report(results, { repeats, seconds, missing }) {
  const kinds = [...results.keys()];
  const measured = Object.entries(FIGURES).filter(([key]) =>
    kinds.some((kind) => results.get(kind).get(key)?.length),
  );
  const title = ({ title: what, unit }) => `${what} (${unit})`;
  const figures = measured.map(([key, figure]) => [
    title(figure),
    ...kinds.map((kind) => cell(results.get(kind).get(key))),
  ]);
  const references = ['wireguard-go', 'bare veth'].filter((name) => results.has(name));
  const pairs = references.flatMap((reference) =>
    kinds
      .filter((kind) => kind !== reference && kind !== 'bare veth')
      .map((kind) => [kind, reference]),
  );
  const ratios = measured.map(([key, figure]) => [
    title(figure),
    ...pairs.map(([kind, reference]) =>
      ratio(results.get(kind).get(key), results.get(reference).get(key)),
    ),
  ]);
  const cores = cpus();
  return `# Benchmark results

Written by \`npm run bench\`: ${new Date().toISOString().slice(0, 10)}, ${cores.length} cores of ${cores[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node.js ${process.version}, ${version('wireguard-go', ['--version'])}, ${version('iperf3', ['--version'])}.

Both ends of the tunnel, and the programs that make the traffic, run on this one machine, in two
network namespaces joined by a veth pair. All columns were measured in one run, by turns. A cell is
the median of ${repeats} repeats with the least and the greatest; flows last ${seconds} seconds. TCP uses cubic; UDP is
sent as fast as iperf3 can, and what arrives is counted; pings go every 5 ms through an otherwise
idle tunnel. Compare columns, not machines.

${table(['figure', ...kinds], figures)}

## Ratios of the medians

${table(['figure', ...pairs.map(([kind, reference]) => `${kind} / ${reference}`)], ratios)}
${missing.length > 0 ? `\nNot measured: ${missing.join('; ')}.\n` : ''}`;
}
