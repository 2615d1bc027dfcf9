import cliTruncate from 'cli-truncate';
import type { createColors } from 'picocolors';
import sparkly from 'sparkly';
import stringWidth from 'string-width';
import { REJECT_AFTER_TIME } from '../../protocol/constants.js';
import type { WatchedInterface, WatchedPeer, WatchState } from './history.js';
import { type Column, type ColumnName, GAP, INDENT, layOut } from './layout.js';
import { formatAge, formatRate, formatSize } from './units.js';

type Colors = ReturnType<typeof createColors>;

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export interface View {
  readonly state: WatchState;
  /** Only this interface is watched. */
  readonly name?: string;
  readonly intervalSeconds: number;
}

/** No session is used beyond this age (section 6.1). */
const OLD_HANDSHAKE_SECONDS = REJECT_AFTER_TIME / 1000;

const HEADINGS: Readonly<Record<ColumnName, string>> = {
  peer: 'PEER',
  endpoint: 'ENDPOINT',
  receiving: 'RECEIVING',
  receivingGraph: '',
  sending: 'SENDING',
  sendingGraph: '',
  graph: 'BOTH',
  received: 'RECEIVED',
  sent: 'SENT',
  handshake: 'HANDSHAKE',
};

const AT_RIGHT: ReadonlySet<ColumnName> = new Set<ColumnName>([
  'receiving',
  'sending',
  'received',
  'sent',
  'handshake',
]);

/** At most `rows` lines of at most `columns` columns. */
export function drawWatch(view: View, { columns, rows }: Size, colors: Colors): readonly string[] {
  const { interfaces } = view.state;
  const endpoints = interfaces.flatMap(({ peers }) => peers.map(({ endpoint }) => endpoint ?? ''));
  const longest = endpoints.reduce((most, endpoint) => Math.max(most, stringWidth(endpoint)), 0);
  const layout = layOut(columns, longest);
  const body: BodyLine[] = interfaces.flatMap((one) => [
    { text: drawInterface(one, colors), isPeer: false },
    ...one.peers.map((peer) => ({
      text: drawPeer(peer, layout, view.state.time, colors),
      isPeer: true,
    })),
  ]);
  const table =
    interfaces.length === 0 ? [] : ['', colors.dim(drawHeadings(layout)), ...texts(body)];
  const lines = [colors.bold(drawTitle(view)), ...drawTroubles(view, colors), ...table];
  const shown = lines.length <= rows ? lines : cut(lines, body, rows, colors);
  return shown.map((line) => cliTruncate(line, columns).trimEnd());
}

interface BodyLine {
  readonly text: string;
  readonly isPeer: boolean;
}

function texts(body: readonly BodyLine[]): readonly string[] {
  return body.map(({ text }) => text);
}

/** The last line says how many peers are not shown. */
function cut(
  lines: readonly string[],
  body: readonly BodyLine[],
  rows: number,
  colors: Colors,
): readonly string[] {
  if (rows <= 1) return lines.slice(0, rows);
  const kept = lines.slice(0, rows - 1);
  const hidden = body.slice(Math.max(0, body.length - (lines.length - kept.length)));
  const peers = hidden.filter(({ isPeer }) => isPeer).length;
  return [...kept, colors.yellow(`… ${count(peers, 'more peer')}: enlarge the terminal`)];
}

function drawTitle({ state, name, intervalSeconds }: View): string {
  const { interfaces } = state;
  const peers = interfaces.reduce((sum, one) => sum + one.peers.length, 0);
  const what = name ?? count(interfaces.length, 'interface');
  return `wg-ts watch: ${what}, ${count(peers, 'peer')}, every ${intervalSeconds} s (q quits)`;
}

function drawTroubles({ state, name }: View, { red, yellow }: Colors): readonly string[] {
  const failures = state.failures.map((one) => red(`${one.name}: ${one.reason}`));
  if (state.interfaces.length > 0 || failures.length > 0) return failures;
  return [yellow(`${name ?? 'no interface'} is ${name ? 'not up' : 'up'}: waiting`)];
}

function drawHeadings(layout: readonly Column[]): string {
  return drawCells(layout, (name) => HEADINGS[name]);
}

function drawInterface(one: WatchedInterface, { green, bold, dim }: Colors): string {
  const details = [
    ...(one.dataPlane === undefined ? [] : [`${one.dataPlane} data plane`]),
    ...(one.listenPort === 0 ? [] : [`port ${one.listenPort}`]),
    ...(one.peers.length === 0 ? ['no peers'] : []),
  ];
  return `${green(bold(one.name))}  ${dim(details.join(', '))}`;
}

function drawPeer(
  peer: WatchedPeer,
  layout: readonly Column[],
  now: number,
  colors: Colors,
): string {
  return drawCells(layout, (name, width) => {
    switch (name) {
      case 'peer':
        return colors.yellow(shortKey(peer.publicKey, width));
      case 'endpoint':
        return cliTruncate(peer.endpoint ?? '(none)', width);
      case 'receiving':
        return formatRate(peer.rxRates.at(-1));
      case 'sending':
        return formatRate(peer.txRates.at(-1));
      case 'receivingGraph':
        return colors.cyan(graph(peer.rxRates, width));
      case 'sendingGraph':
        return colors.cyan(graph(peer.txRates, width));
      case 'graph':
        return colors.cyan(graph(sums(peer.rxRates, peer.txRates), width));
      case 'received':
        return formatSize(peer.rxBytes);
      case 'sent':
        return formatSize(peer.txBytes);
      case 'handshake':
        return drawHandshake(peer.latestHandshake, now, colors);
    }
  });
}

function drawCells(
  layout: readonly Column[],
  draw: (name: ColumnName, width: number) => string,
): string {
  const cells = layout.map(({ name, width }) => {
    const text = draw(name, width);
    const blanks = ' '.repeat(Math.max(0, width - stringWidth(text)));
    return AT_RIGHT.has(name) ? blanks + text : text + blanks;
  });
  return ' '.repeat(INDENT) + cells.join(' '.repeat(GAP));
}

function drawHandshake(latest: number, now: number, { red, yellow }: Colors): string {
  if (latest === 0) return yellow('never');
  const age = now - latest;
  return age > OLD_HANDSHAKE_SECONDS ? red(formatAge(age)) : formatAge(age);
}

function shortKey(key: string, width: number): string {
  return key.length <= width ? key : `${key.slice(0, width - 1)}…`;
}

/** The current rate is at the right; the highest bar is the maximum of those shown. */
function graph(rates: readonly number[], width: number): string {
  const seen = rates.slice(-width);
  if (seen.length === 0) return ' '.repeat(width);
  return sparkly(seen, { minimum: 0, maximum: Math.max(...seen) }).padStart(width);
}

function sums(some: readonly number[], others: readonly number[]): readonly number[] {
  return some.map((one, index) => one + (others[index] ?? 0));
}

function count(number: number, what: string): string {
  return number === 1 ? `1 ${what}` : `${number} ${what}s`;
}
