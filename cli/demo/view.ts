/** Drawings for the steps of the demo in progress. */
import sparkly from 'sparkly';
import type { Colors } from '../output.js';
import type { Pinger } from '../pair/pinger.js';
import type { TunnelEnd, TunnelPair } from '../pair/tunnels.js';
import { formatSize } from '../watch/units.js';
import type { Draw } from './stage.js';

const SPINNER = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏';
const SPINNER_MS = 100;
/** Columns reserved for the number beside a graph. */
const FIGURE = 16;
const INDENT = '  ';

/** `status`: what is shown besides pings. */
export function drawPings(
  name: string,
  pinger: Pinger,
  pair: TunnelPair,
  status?: () => string,
): Draw {
  const besides = (): string => (status ? `${status()}, ` : '');
  return (columns, colors) => [
    heading(name, `${besides()}${pinger.received} pings back, ${pinger.lost} lost`, colors),
    graph(pinger.times, (time) => `${time.toFixed(2)} ms`, columns, colors),
    ...drawEnds(pair, colors),
  ];
}

/** `samples`: Mbit/s, the current one last. */
export function drawThroughput(name: string, samples: readonly number[], pair: TunnelPair): Draw {
  return (columns, colors) => [
    heading(name, `packets from the client to the server`, colors),
    graph(samples, (rate) => `${rate.toFixed(0)} Mbit/s`, columns, colors),
    ...drawEnds(pair, colors),
  ];
}

export function drawWaiting(name: string, what: string): Draw {
  return (_, colors) => [heading(name, what, colors)];
}

function heading(name: string, text: string, { cyan, bold }: Colors): string {
  const frame = Math.floor(performance.now() / SPINNER_MS) % SPINNER.length;
  return `${cyan(SPINNER[frame] ?? '')} ${bold(name)}: ${text}`;
}

/** Shows the last value also as a number. */
function graph(
  values: readonly number[],
  format: (value: number) => string,
  columns: number,
  { cyan }: Colors,
): string {
  const width = Math.max(1, columns - INDENT.length - FIGURE);
  const seen = values.slice(-width);
  const last = seen.at(-1);
  if (last === undefined) return '';
  const bars = sparkly(seen, { minimum: 0, maximum: Math.max(...seen) });
  return `${INDENT}${cyan(bars)} ${format(last)}`;
}

function drawEnds({ client, server }: TunnelPair, colors: Colors): string[] {
  return [client, server].map((end) => drawEnd(end, colors));
}

function drawEnd(
  { tunnel, address, roles, rxBytes, txBytes }: TunnelEnd,
  { green }: Colors,
): string {
  return [
    `${INDENT}${green(tunnel.name)}  ${address.padEnd(15)}`,
    `${formatSize(txBytes).padStart(8)} sent`,
    `${formatSize(rxBytes).padStart(8)} received`,
    roles.length === 1 ? '1 session' : `${roles.length} sessions`,
  ].join('  ');
}
