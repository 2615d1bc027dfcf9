import type { PeerChange } from '../../protocol/index.js';
import type { IpPrefix } from '../../protocol/ip.js';
import { ConfigError } from '../../src/config/errors.js';
import { Findings, TooManyProblems } from '../../src/config/findings.js';
import { type ConfigLine, readLines } from '../../src/config/lines.js';
import type { EndpointConfig } from '../../src/config/model.js';
import { nearest, quoteName } from '../../src/config/redact.js';
import {
  type Entry,
  findKey,
  Given,
  INTERFACE_KEYS,
  PEER_KEYS,
  parseKey,
  parseSecretKey,
  valuePlace,
  withoutSpaces,
} from '../../src/config/section.js';
import {
  parseEndpoint,
  parseFwMark,
  parseKeepalive,
  parseNetworks,
  parsePort,
} from '../../src/config/values.js';
import type { DeviceChange } from '../../src/uapi/change.js';
import { zeroChange } from '../../src/uapi/set.js';
import type { WgChange } from './change.js';

const SECTIONS = ['Interface', 'Peer'] as const;
const OF_INTERFACE = ['PrivateKey', 'ListenPort', 'FwMark'] as const;
const OF_PEER = [
  'PublicKey',
  'PresharedKey',
  'AllowedIPs',
  'Endpoint',
  'PersistentKeepalive',
] as const;

type OfInterface = (typeof OF_INTERFACE)[number];
type OfPeer = (typeof OF_PEER)[number];
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Parses a file of wg(8), as setconf, addconf and syncconf take it: keys of wg-quick(8) are errors, and
 * the only required key is a peer's PublicKey. Sections for the same peer stay separate, as they take
 * effect one after another. The caller has to zero the secrets in the result. Throws ConfigError with
 * all problems found; no message contains any part of a secret key.
 */
export function parseWgFile(text: string, { file }: { readonly file: string }): WgChange {
  const reader = new WgFileReader();
  reader.read(text);
  const [first, ...others] = reader.findings.problems;
  const read = reader.finish();
  if (!first) return read;
  zeroChange(read.change);
  throw new ConfigError(file, [first, ...others]);
}

class WgFileReader {
  readonly findings = new Findings();
  readonly #interface: Mutable<Omit<DeviceChange, 'peers'>> = {};
  readonly #peers: PeerReader[] = [];
  #section: 'none' | 'unknown' | 'interface' | PeerReader = 'none';

  read(text: string): void {
    try {
      for (const line of readLines(text)) this.#readLine(line);
      this.#endSection();
    } catch (error) {
      if (!(error instanceof TooManyProblems)) throw error;
    }
  }

  finish(): WgChange {
    const peers: PeerChange[] = [];
    const endpoints = new Map<PeerChange, EndpointConfig>();
    for (const reader of this.#peers) {
      const peer = reader.finish();
      if (!peer) continue;
      peers.push(peer);
      if (reader.endpoint) endpoints.set(peer, reader.endpoint);
    }
    return { change: { ...this.#interface, peers }, endpoints };
  }

  #readLine(line: ConfigLine): void {
    if (line.type === 'section') this.#beginSection(line);
    else if (line.type === 'entry') this.#readEntry(line);
    else this.findings.problem(line, "is neither '[Section]' nor 'Key = value'");
  }

  #beginSection(line: Extract<ConfigLine, { type: 'section' }>): void {
    this.#endSection();
    const name = findKey(SECTIONS, line.name);
    if (name === 'Interface') this.#section = 'interface';
    else if (name === 'Peer') {
      this.#section = new PeerReader(line, this.findings);
      this.#peers.push(this.#section);
    } else {
      this.#section = 'unknown';
      const said = quoteName(line.name, SECTIONS, false);
      this.findings.problem(line, `unknown section${said}; there are [Interface] and [Peer]`);
    }
  }

  #endSection(): void {
    if (this.#section instanceof PeerReader) this.#section.checkComplete();
    this.#section = 'unknown';
  }

  #readEntry(entry: Entry): void {
    const section = this.#section;
    const ofInterface = findKey(OF_INTERFACE, entry.key);
    const ofPeer = findKey(OF_PEER, entry.key);
    if (section === 'unknown') return;
    if (section === 'interface' && ofInterface) this.#setInterface(ofInterface, entry);
    else if (section instanceof PeerReader && ofPeer) section.set(ofPeer, entry);
    else this.findings.problem(entry, explainKey(entry, section === 'none'));
  }

  #setInterface(key: OfInterface, entry: Entry): void {
    const report = this.findings.reporter(valuePlace(entry), key);
    const value = withoutSpaces(entry.value);
    if (key === 'PrivateKey') {
      this.#interface.privateKey?.zero();
      assign(this.#interface, 'privateKey', parseSecretKey(value, report));
    } else if (key === 'ListenPort')
      assign(this.#interface, 'listenPort', parsePort(value, report));
    else assign(this.#interface, 'fwMark', parseFwMark(value, report));
  }
}

class PeerReader {
  endpoint: EndpointConfig | undefined;
  readonly #findings: Findings;
  readonly #place: ConfigLine;
  readonly #given = new Given<OfPeer>();
  readonly #change: Mutable<Omit<PeerChange, 'publicKey'>> = {};
  readonly #allowedIps: IpPrefix[] = [];
  #publicKey: Uint8Array | undefined;

  constructor(place: ConfigLine, findings: Findings) {
    this.#place = place;
    this.#findings = findings;
  }

  set(key: OfPeer, entry: Entry): void {
    const report = this.#findings.reporter(valuePlace(entry), key);
    const value = withoutSpaces(entry.value);
    this.#given.meant(key, entry.line);
    switch (key) {
      case 'PublicKey':
        this.#publicKey = parseKey(value, report);
        return;
      case 'PresharedKey':
        this.#change.presharedKey?.zero();
        assign(this.#change, 'presharedKey', parseSecretKey(value, report));
        return;
      case 'AllowedIPs':
        this.#allowedIps.push(...parseNetworks(entry.value, report));
        return;
      case 'Endpoint':
        this.endpoint = parseEndpoint(value, report) ?? this.endpoint;
        return;
      case 'PersistentKeepalive':
        assign(this.#change, 'persistentKeepalive', parseKeepalive(value, report));
        return;
    }
  }

  checkComplete(): void {
    if (!this.#given.has('PublicKey'))
      this.#findings.problem(this.#place, '[Peer] has no PublicKey');
  }

  /** Returns undefined, with the secret zeroed, when there is no public key; that has been reported by then. */
  finish(): PeerChange | undefined {
    if (!this.#publicKey) {
      this.#change.presharedKey?.zero();
      return undefined;
    }
    const allowedIps = this.#allowedIps;
    return { ...this.#change, publicKey: this.#publicKey, replaceAllowedIps: true, allowedIps };
  }
}

function assign<T, K extends keyof T>(target: T, key: K, value: T[K] | undefined): void {
  if (value !== undefined) target[key] = value;
}

function explainKey(entry: Entry, isBeforeSections: boolean): string {
  const all = [...OF_INTERFACE, ...OF_PEER];
  const own = findKey(all, entry.key);
  const section = findKey(OF_INTERFACE, entry.key) ? 'Interface' : 'Peer';
  if (own)
    return isBeforeSections
      ? `${own} stands before the first section`
      : `${own} belongs in [${section}]`;
  const ofQuick = findKey([...INTERFACE_KEYS, ...PEER_KEYS], entry.key);
  if (ofQuick) return `${ofQuick} is a key of wg-quick(8): wg-ts strip removes it`;
  const near = nearest(entry.key, all);
  const name = quoteName(entry.key, all, entry.value !== '');
  return `unknown key${name}${near ? `; did you mean ${near}?` : ''}`;
}
