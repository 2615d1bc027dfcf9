/** Chooses the columns of a table for a given width, and how wide each is. */

export type ColumnName =
  | 'peer'
  | 'endpoint'
  | 'receiving'
  | 'receivingGraph'
  | 'sending'
  | 'sendingGraph'
  | 'graph'
  | 'received'
  | 'sent'
  | 'handshake';

export interface Column {
  readonly name: ColumnName;
  readonly width: number;
}

export const GAP = 2;
export const INDENT = 2;
const KEY_LENGTH = 44;
/** Enough of a key to distinguish peers. */
const SHORT_KEY = 9;
/** An IPv6 address in full, with its port. */
const LONGEST_ENDPOINT = 47;
/** `192.0.2.100:51820` */
const SHORT_ENDPOINT = 17;
const SHORT_GRAPH = 8;
export const LONGEST_GRAPH = 60;

const WIDTHS: Readonly<Record<ColumnName, number>> = {
  peer: SHORT_KEY,
  endpoint: SHORT_ENDPOINT,
  receiving: 10,
  receivingGraph: SHORT_GRAPH,
  sending: 10,
  sendingGraph: SHORT_GRAPH,
  graph: SHORT_GRAPH,
  received: 8,
  sent: 8,
  handshake: 9,
};

/** The first one that fits is used. */
const LAYOUTS: readonly (readonly ColumnName[])[] = [
  [
    'peer',
    'endpoint',
    'receiving',
    'receivingGraph',
    'sending',
    'sendingGraph',
    'received',
    'sent',
    'handshake',
  ],
  ['peer', 'endpoint', 'receiving', 'sending', 'graph', 'received', 'sent', 'handshake'],
  ['peer', 'endpoint', 'receiving', 'sending', 'graph', 'handshake'],
  ['peer', 'receiving', 'sending', 'graph', 'handshake'],
  ['peer', 'receiving', 'sending', 'handshake'],
  ['peer', 'receiving', 'sending'],
];

/**
 * `longestEndpoint` is the length of the longest endpoint to be shown. Spare columns go to endpoints, then
 * to graphs, then to keys. If `width` is less than the narrowest layout, the caller has to cut the lines.
 */
export function layOut(width: number, longestEndpoint: number): readonly Column[] {
  const names = LAYOUTS.find((layout) => widthOf(layout) <= width) ?? LAYOUTS.at(-1) ?? [];
  const widths = new Map(names.map((name) => [name, WIDTHS[name]]));
  let left = Math.max(0, width - widthOf(names));
  const widen = (name: ColumnName, limit: number, share: number): void => {
    const now = widths.get(name);
    if (now === undefined) return;
    const more = Math.min(Math.max(0, limit - now), share, left);
    widths.set(name, now + more);
    left -= more;
  };
  widen('endpoint', Math.min(longestEndpoint, LONGEST_ENDPOINT), left);
  const graphs = names.filter((name) => WIDTHS[name] === SHORT_GRAPH && /graph$/i.test(name));
  const share = Math.floor(left / Math.max(1, graphs.length));
  for (const name of graphs) widen(name, LONGEST_GRAPH, share);
  widen('peer', KEY_LENGTH, left);
  return names.map((name) => ({ name, width: widths.get(name) ?? 0 }));
}

function widthOf(names: readonly ColumnName[]): number {
  return names.reduce((sum, name) => sum + WIDTHS[name] + GAP, INDENT - GAP);
}
