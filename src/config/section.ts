import { Secret } from '../../crypto/secret.js';
import type { Findings, Place } from './findings.js';
import { decodeKey, explainBadKey } from './key.js';
import type { ConfigLine } from './lines.js';
import type { Report } from './values.js';

export type Entry = Extract<ConfigLine, { type: 'entry' }>;

/** The keys of [Interface], of wg(8) and then of wg-quick(8), as the documentation spells them. */
export const INTERFACE_KEYS = [
  'PrivateKey',
  'ListenPort',
  'FwMark',
  'Address',
  'DNS',
  'MTU',
  'Table',
  'PreUp',
  'PostUp',
  'PreDown',
  'PostDown',
  'SaveConfig',
  'KillSwitch',
  'ReresolveInterval',
  'Metrics',
] as const;

export const PEER_KEYS = [
  'PublicKey',
  'PresharedKey',
  'AllowedIPs',
  'ExcludedIPs',
  'Endpoint',
  'PersistentKeepalive',
] as const;

export type InterfaceKey = (typeof INTERFACE_KEYS)[number];
export type PeerKey = (typeof PEER_KEYS)[number];

/** Ignores case. */
export function findKey<K extends string>(keys: readonly K[], written: string): K | undefined {
  if (written.length > 32) return undefined;
  const lower = written.toLowerCase();
  return keys.find((key) => key.toLowerCase() === lower);
}

/** Remembers on which line each key of a section was given last. */
export class Given<K extends string> {
  readonly #lines = new Map<K, number>();

  has(key: K): boolean {
    return this.#lines.has(key);
  }

  /** For a misspelt key: it is not reported as missing as well. */
  meant(key: K, line: number): void {
    this.#lines.set(key, line);
  }

  /** When a key that takes one value is repeated, the last one counts, as in wg(8). */
  once(key: K, entry: Entry, findings: Findings, advice = ''): void {
    const earlier = this.#lines.get(key);
    if (earlier !== undefined)
      findings.warning(entry, `takes the place of the one on line ${earlier}${advice}`, key);
    this.#lines.set(key, entry.line);
  }
}

export function valuePlace(entry: Entry): Place {
  return { line: entry.line, column: entry.valueColumn };
}

/** Removes all white space, as wg(8) does. */
export function withoutSpaces(value: string): string {
  return /\s/.test(value) ? value.replace(/\s+/g, '') : value;
}

/** Returns 32 bytes. */
export function parseKey(value: string, report: Report): Uint8Array | undefined {
  const bytes = decodeKey(value);
  if (!bytes) report(explainBadKey(value));
  return bytes;
}

export function parseSecretKey(value: string, report: Report): Secret | undefined {
  const bytes = parseKey(value, report);
  return bytes && Secret.take(bytes);
}
