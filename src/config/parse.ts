import { ConfigError, type ConfigProblem } from './errors.js';
import { applyExclusion } from './exclude.js';
import { type ConfigWarning, Findings, TooManyProblems } from './findings.js';
import { InterfaceSection } from './interface-section.js';
import { type ConfigLine, readLines } from './lines.js';
import type { Config } from './model.js';
import { PeerSection } from './peer-section.js';
import { mergePeers } from './peers.js';
import { nearest, quoteName } from './redact.js';
import { type Entry, findKey, INTERFACE_KEYS, PEER_KEYS } from './section.js';

export type { ConfigWarning } from './findings.js';

/** A configuration that can be used. */
export interface ParsedConfig {
  /** The caller has to zero its secrets. */
  readonly config: Config;
  /** Parts of the file that may not be meant as written. */
  readonly warnings: readonly ConfigWarning[];
}

const SECTIONS = ['Interface', 'Peer'] as const;

/**
 * Reads a configuration of wg(8) or wg-quick(8). `file` is only used in messages.
 *
 * @throws ConfigError ERR_CONFIG with all problems found; no message contains a part of a secret key.
 */
export function parseConfig(
  text: string,
  { file = 'config' }: { readonly file?: string } = {},
): ParsedConfig {
  const parser = new Parser();
  const config = parser.parse(text);
  const [first, ...others] = parser.findings.problems;
  if (config && !first) return { config, warnings: parser.findings.warnings };
  parser.discard();
  const unexplained: ConfigProblem = { line: 1, column: 1, message: 'cannot be read' };
  throw new ConfigError(file, [first ?? unexplained, ...others]);
}

class Parser {
  readonly findings = new Findings();
  #interface: InterfaceSection | undefined;
  readonly #peers: PeerSection[] = [];
  /** Undefined before the first section. The keys of an unknown section are not reported. */
  #section: InterfaceSection | PeerSection | 'unknown' | undefined;

  parse(text: string): Config | undefined {
    try {
      if (this.#isBinary(text)) return undefined;
      for (const line of readLines(text)) this.#readLine(line);
      this.#endSection();
      return this.#finish();
    } catch (error) {
      if (error instanceof TooManyProblems) return undefined;
      throw error;
    }
  }

  discard(): void {
    this.#interface?.discard();
    for (const peer of this.#peers) peer.discard();
  }

  #isBinary(text: string): boolean {
    const at = text.indexOf('\0');
    if (at === -1) return false;
    const lineStart = text.lastIndexOf('\n', at) + 1;
    const line = text.slice(0, lineStart).split('\n').length;
    this.findings.problem(
      { line, column: at - lineStart + 1 },
      'contains a NUL character: it is not a text file, or it is UTF-16 and has to be saved as UTF-8',
    );
    return true;
  }

  #readLine(line: ConfigLine): void {
    if (line.type === 'section') this.#beginSection(line);
    else if (line.type === 'entry') this.#readEntry(line);
    else if (this.#section !== 'unknown')
      this.findings.problem(line, "is neither '[Section]' nor 'Key = value'");
  }

  #beginSection(line: Extract<ConfigLine, { type: 'section' }>): void {
    this.#endSection();
    switch (findKey(SECTIONS, line.name)) {
      case 'Interface':
        // Both wg(8) and wg-quick(8) continue as if it were the same section.
        if (this.#interface)
          this.findings.warning(
            line,
            `[Interface] appears again: it adds to the one on line ${this.#interface.place.line}`,
          );
        this.#interface ??= new InterfaceSection(line, this.findings);
        this.#section = this.#interface;
        return;
      case 'Peer':
        this.#section = new PeerSection(line, this.findings);
        this.#peers.push(this.#section);
        return;
      case undefined: {
        const near = nearest(line.name, SECTIONS);
        const advice = near ? `did you mean [${near}]?` : 'there are [Interface] and [Peer]';
        const name = quoteName(line.name, SECTIONS, false);
        this.findings.problem(line, `unknown section${name}; ${advice}`);
        this.#section = 'unknown';
      }
    }
  }

  #endSection(): void {
    if (this.#section instanceof PeerSection) this.#section.checkComplete();
    this.#section = 'unknown';
  }

  #readEntry(entry: Entry): void {
    const section = this.#section;
    if (section === 'unknown') return;
    const interfaceKey = findKey(INTERFACE_KEYS, entry.key);
    const peerKey = findKey(PEER_KEYS, entry.key);
    const key = interfaceKey ?? peerKey;
    if (section instanceof InterfaceSection && interfaceKey) section.set(interfaceKey, entry);
    else if (section instanceof PeerSection && peerKey) section.set(peerKey, entry);
    else if (key && section)
      this.findings.problem(entry, `${key} belongs in [${interfaceKey ? 'Interface' : 'Peer'}]`);
    else if (key) this.findings.problem(entry, `${key} stands before the first section`);
    else this.#rejectKey(entry, section);
  }

  #rejectKey(entry: Entry, section: InterfaceSection | PeerSection | undefined): void {
    const all = [...INTERFACE_KEYS, ...PEER_KEYS];
    const own =
      section instanceof InterfaceSection
        ? INTERFACE_KEYS
        : section instanceof PeerSection
          ? PEER_KEYS
          : all;
    const near = nearest(entry.key, own);
    if (near && section) section.misspelt(near, entry);
    const elsewhere = near ?? nearest(entry.key, all);
    const place = section instanceof InterfaceSection ? 'Peer' : 'Interface';
    const advice = near
      ? `; did you mean ${near}?`
      : elsewhere
        ? `; did you mean ${elsewhere}, which belongs in [${place}]?`
        : '';
    const name = quoteName(entry.key, all, entry.value !== '');
    this.findings.problem(entry, `unknown key${name}${advice}`);
  }

  #finish(): Config | undefined {
    if (!this.#interface)
      this.findings.problem({ line: 1, column: 1 }, 'there is no [Interface] section');
    const interfaceConfig = this.#interface?.finish();
    const peers = mergePeers(this.#peers, this.findings);
    if (!interfaceConfig) return undefined;
    return {
      interface: interfaceConfig,
      peers: peers.map((peer) => applyExclusion(peer, interfaceConfig)),
    };
  }
}
