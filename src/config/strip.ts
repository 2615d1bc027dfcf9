import { formatPrefix } from '../../protocol/ip.js';
import { decodeKey, encodeKey } from './key.js';
import { type ConfigLine, readLines } from './lines.js';
import { zeroConfig } from './model.js';
import { parseConfig } from './parse.js';
import { findKey, INTERFACE_KEYS, PEER_KEYS, withoutSpaces } from './section.js';

/** The keys that wg(8) takes; all others configure the rest of the machine. */
const OF_WG: ReadonlySet<string> = new Set([
  'PrivateKey',
  'ListenPort',
  'FwMark',
  'PublicKey',
  'PresharedKey',
  'AllowedIPs',
  'Endpoint',
  'PersistentKeepalive',
]);

interface Line {
  /** Without blanks around it. */
  readonly text: string;
  /** Absent when the line has no key of its section. */
  readonly key?: string;
  readonly value?: string;
}

/**
 * Returns the text of a configuration file without the keys that wg(8) does not take, byte for byte as
 * `wg-quick strip` prints it: comments and misspelt lines stay, blanks around a line are removed, and
 * an empty line is added. Of several Endpoints the first one stays; ExcludedIPs is taken out of
 * AllowedIPs. The text contains the secrets of the file. Throws ConfigError when ExcludedIPs has to be
 * applied in a file that is wrong.
 */
export function stripConfig(text: string, file?: string): string {
  const sections = sectionsOf(text);
  const needsConfig = sections.some((lines) => lines.some(({ key }) => key === 'ExcludedIPs'));
  const allowedIps = needsConfig ? allowedIpsOf(text, file) : new Map<string, string>();
  const kept = sections.flatMap((lines) => stripSection(lines, allowedIps));
  return [...kept, '', ''].join('\n');
}

/** The first section holds the lines before any section header. */
function sectionsOf(text: string): Line[][] {
  const lines = (text.startsWith('\ufeff') ? text.slice(1) : text).split('\n');
  // An empty rest after the last line feed is not a line.
  if (lines.at(-1) === '') lines.pop();
  const sections: Line[][] = [[]];
  let keys: readonly string[] = [];
  for (const line of lines) {
    const [read] = readLines(line);
    if (read?.type === 'section') {
      keys = keysOf(read.name);
      sections.push([]);
    }
    sections.at(-1)?.push({ text: trimBlanks(line), ...keyAndValue(read, keys) });
  }
  return sections;
}

function keyAndValue(
  read: ConfigLine | undefined,
  keys: readonly string[],
): Pick<Line, 'key' | 'value'> {
  const key = read?.type === 'entry' ? findKey(keys, read.key) : undefined;
  return read?.type === 'entry' && key !== undefined ? { key, value: read.value } : {};
}

function keysOf(section: string): readonly string[] {
  switch (section.toLowerCase()) {
    case 'interface':
      return INTERFACE_KEYS;
    case 'peer':
      return PEER_KEYS;
    default:
      return [];
  }
}

/** Returns AllowedIPs by public key in base64. */
function allowedIpsOf(text: string, file: string | undefined): Map<string, string> {
  const { config } = parseConfig(text, file === undefined ? {} : { file });
  zeroConfig(config);
  return new Map(
    config.peers.map((peer) => [
      encodeKey(peer.publicKey),
      peer.allowedIps.map(formatPrefix).join(', '),
    ]),
  );
}

function stripSection(lines: readonly Line[], allowedIps: ReadonlyMap<string, string>): string[] {
  const isLess = lines.some(({ key }) => key === 'ExcludedIPs');
  return lines.flatMap(({ text, key, value = '' }) => {
    if (key !== undefined && !OF_WG.has(key)) return [];
    if (key === 'Endpoint') return [withFirstEndpoint(text)];
    if (!isLess) return [text];
    if (key === 'AllowedIPs') return [];
    if (key !== 'PublicKey') return [text];
    const publicKey = decodeKey(withoutSpaces(value));
    const left = publicKey && allowedIps.get(encodeKey(publicKey));
    return [text, `AllowedIPs = ${left ?? ''}`];
  });
}

function withFirstEndpoint(line: string): string {
  return line.replace(/^([^#,]*?)\s*,[^#]*?(\s*(?:#|$))/, '$1$2');
}

function trimBlanks(line: string): string {
  return line.replace(/^[ \t]+/, '').replace(/[ \t]+$/, '');
}
