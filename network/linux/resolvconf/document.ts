/** The text of /etc/resolv.conf: what wg-ts writes, and what it reads from others. */
import { isLoopback } from '../../family.js';
import { parseResolvConf } from './parse.js';

/** What was in the place of the file before wg-ts wrote it. */
export type Previous =
  | { readonly type: 'absent' }
  | { readonly type: 'link'; readonly target: string }
  | {
      readonly type: 'file';
      readonly bytes: Buffer;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    };

/** The DNS settings of one tunnel. */
export interface DnsEntry {
  readonly name: string;
  /** IP addresses, perhaps with a zone. */
  readonly servers: readonly string[];
  readonly search: readonly string[];
}

/** What a file of ours says about itself. */
export interface OwnDocument {
  /** The tunnels it was written for; the last one has its servers in it. */
  readonly names: readonly string[];
  readonly previous: Previous;
}

const MARK = '# Written by wg-ts';
const NAMES = '#= tunnels ';
const KIND = '#= previous ';
const QUOTE = '#| ';
const WITHOUT_NEWLINE = '#= without newline';

/**
 * Returns the file that makes all names resolve by the servers of the last entry, as `resolvconf -x`
 * does. The file before it is quoted in it: so it can be put back after a power failure, when everything
 * in /run is gone.
 */
export function ownDocument(
  entries: readonly DnsEntry[],
  previous: Previous,
  options: readonly string[],
): Buffer {
  const top = entries.at(-1);
  if (!top) throw new RangeError('no tunnel has DNS servers');
  const downs = entries.toReversed().map(({ name }) => `sudo wg-ts down ${name}`);
  return Buffer.from(
    [
      `${MARK} for the tunnel ${top.name}. Changes made here are undone.`,
      `# The previous file comes back with: ${downs.join('; ')}`,
      ...top.servers.map((server) => `nameserver ${server}`),
      ...(top.search.length > 0 ? [`search ${top.search.join(' ')}`] : []),
      ...options,
      '',
      `${NAMES}${entries.map(({ name }) => name).join(' ')}`,
      ...quote(previous),
      '',
    ].join('\n'),
    'latin1',
  );
}

function quote(previous: Previous): string[] {
  if (previous.type === 'absent') return [`${KIND}absent`];
  if (previous.type === 'link') return [`${KIND}link ${JSON.stringify(previous.target)}`];
  const { bytes, mode, uid, gid } = previous;
  const head = `${KIND}file ${mode.toString(8)} ${uid} ${gid}`;
  if (bytes.length === 0) return [head];
  const lines = bytes.toString('latin1').split('\n');
  const isComplete = lines.at(-1) === '';
  if (isComplete) lines.pop();
  return [head, ...lines.map((line) => QUOTE + line), ...(isComplete ? [] : [WITHOUT_NEWLINE])];
}

/** Returns undefined for a file that wg-ts did not write. */
export function parseOwnDocument(bytes: Buffer): OwnDocument | undefined {
  const text = bytes.toString('latin1');
  if (!text.startsWith(`${MARK} `)) return undefined;
  const lines = text.split('\n');
  const after = (start: string): string | undefined =>
    lines.find((line) => line.startsWith(start))?.slice(start.length);
  const names = (after(NAMES) ?? '').split(' ').filter((name) => name !== '');
  const quoted = lines.filter((line) => line.startsWith(QUOTE)).map((l) => l.slice(QUOTE.length));
  const end = lines.includes(WITHOUT_NEWLINE) || quoted.length === 0 ? '' : '\n';
  const content = Buffer.from(quoted.join('\n') + end, 'latin1');
  return { names, previous: parseKind(after(KIND) ?? '', content) };
}

/** Where the description was edited away, what is quoted is still the best to put back. */
function parseKind(text: string, bytes: Buffer): Previous {
  const [type, ...more] = text.split(' ');
  if (type === 'absent') return { type };
  if (type === 'link') {
    const target = parseText(more.join(' '));
    if (target !== undefined) return { type, target };
  }
  const [mode = '644', uid = '0', gid = '0'] = more;
  const [bits, owner, group] = [Number.parseInt(mode, 8) || 0o644, Number(uid), Number(gid)];
  return { type: 'file', bytes, mode: bits, uid: owner || 0, gid: group || 0 };
}

function parseText(json: string): string | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the addresses after `nameserver`, in canonical text, without zones and duplicates. */
export function nameServers(text: string): string[] {
  return [...new Set(parseResolvConf(text).servers.map((server) => server.replace(/%.*/, '')))];
}

/** Returns whether `ip` is one of the servers, which may have zones. */
export function isServer(ip: string, servers: readonly string[]): boolean {
  return servers.some((server) => server.split('%')[0] === ip);
}

/** Returns the `options` lines, which say how servers are queried and not which. */
export function optionLines(bytes: Buffer): string[] {
  const lines = bytes.toString('latin1').split('\n');
  return lines.map((line) => line.trimEnd()).filter((line) => /^options\s/.test(line));
}

/**
 * Returns whether a program that reads the file gets its answers by `servers`: it names one of them, or
 * only a resolver on this machine.
 */
export function asksFor(text: string, servers: readonly string[]): boolean {
  const named = nameServers(text);
  if (named.some((one) => isServer(one, servers))) return true;
  return named.length > 0 && named.every(isLoopback);
}

/** Returns how the file introduces itself, such as `Generated by NetworkManager`. */
export function introduction(bytes: Buffer): string | undefined {
  const [first = ''] = bytes.toString('latin1').split('\n');
  const words = /^[#;]\s*([\x20-\x7e]{3,80})/.exec(first)?.[1]?.trim();
  return words === '' ? undefined : words;
}
