import type { Secret } from '../../crypto/secret.js';
import type { PeerChange } from '../../protocol/index.js';
import { type IpPrefix, networkId } from '../../protocol/ip.js';
import { decodeKey, explainBadKey } from '../../src/config/key.js';
import type { EndpointConfig } from '../../src/config/model.js';
import { nearest, quote } from '../../src/config/redact.js';
import {
  parseEndpoint,
  parseFwMark,
  parseKeepalive,
  parseNetworks,
  parsePort,
  type Report,
} from '../../src/config/values.js';
import type { DeviceChange } from '../../src/uapi/change.js';
import { zeroChange } from '../../src/uapi/set.js';
import { WgTsError } from '../../system/errors.js';
import type { WgChange } from './change.js';

export type KeyReader = (file: string) => Secret;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Draft = Mutable<Omit<DeviceChange, 'peers'>> & { readonly peers: PeerDraft[] };

class PeerDraft {
  readonly change: Mutable<PeerChange>;
  endpoint: EndpointConfig | undefined;
  /** By `networkId`; the last mention of a network counts. */
  readonly #networks = new Map<string, { network: IpPrefix; isRemoved: boolean }>();

  constructor(publicKey: Uint8Array) {
    this.change = { publicKey };
  }

  /** A `+` or `-` before any network changes the list, instead of replacing it. */
  setAllowedIps(value: string, report: Report): void {
    let replaces = true;
    for (const item of value.split(',')) {
      const isSigned = /^[+-]/.test(item);
      if (isSigned) replaces = false;
      if (item === '' && value !== '') report('a network is missing beside a comma');
      for (const network of parseNetworks(isSigned ? item.slice(1) : item, report))
        this.#networks.set(networkId(network), { network, isRemoved: item.startsWith('-') });
    }
    this.change.replaceAllowedIps = replaces;
    const all = [...this.#networks.values()];
    const listed = (removed: boolean): IpPrefix[] =>
      all.filter(({ isRemoved }) => isRemoved === removed).map(({ network }) => network);
    this.change.allowedIps = listed(false);
    this.change.removeAllowedIps = listed(true);
  }
}

const INTERFACE_WORDS: readonly string[] = ['listen-port', 'fwmark', 'private-key'];
const PEER_WORDS: readonly string[] = [
  'remove',
  'preshared-key',
  'endpoint',
  'persistent-keepalive',
  'allowed-ips',
];

/**
 * Parses the arguments after `wg set INTERFACE`. The caller has to zero the secrets in the result.
 * Throws WgTsError, without any part of a key.
 */
export function parseSetArgs(args: readonly string[], readKey: KeyReader): WgChange {
  const draft: Draft = { peers: [] };
  const seal = (): WgChange => ({
    change: { ...draft, peers: draft.peers.map(({ change }) => change) },
    endpoints: new Map(
      draft.peers.flatMap(({ change, endpoint }) => (endpoint ? [[change, endpoint]] : [])),
    ),
  });
  try {
    if (args.length === 0) throw usage('there is nothing to set');
    for (let at = 0; at < args.length; ) {
      const [word = '', value] = args.slice(at, at + 2);
      const peer = draft.peers.at(-1);
      if (word === 'remove' && peer) {
        peer.change.remove = true;
        at++;
        continue;
      }
      checkWord(word, peer !== undefined);
      if (value === undefined) throw usage(`${word} has no value`);
      if (word === 'peer') draft.peers.push(new PeerDraft(parsePublicKey(value)));
      else if (peer) setPeerWord(peer, word, value, readKey);
      else setInterfaceWord(draft, word, value, readKey);
      at += 2;
    }
    return seal();
  } catch (error) {
    zeroChange(seal().change);
    throw error;
  }
}

function checkWord(word: string, isPeer: boolean): void {
  const own = ['peer', ...(isPeer ? PEER_WORDS : INTERFACE_WORDS)];
  if (own.includes(word)) return;
  if (INTERFACE_WORDS.includes(word)) throw usage(`${word} belongs before the first peer`);
  if (PEER_WORDS.includes(word)) throw usage(`${word} belongs after peer KEY`);
  const near = nearest(word, [...INTERFACE_WORDS, ...PEER_WORDS, 'peer']);
  throw usage(
    `the argument ${quote(word)}is unknown`,
    near === undefined ? undefined : `did you mean ${near}?`,
  );
}

function setInterfaceWord(draft: Draft, word: string, value: string, readKey: KeyReader): void {
  const report = complain(word);
  if (word === 'listen-port') draft.listenPort = known(parsePort(value, report));
  else if (word === 'fwmark') draft.fwMark = known(parseFwMark(value, report));
  else {
    draft.privateKey?.zero();
    draft.privateKey = readKey(value);
  }
}

function setPeerWord(peer: PeerDraft, word: string, value: string, readKey: KeyReader): void {
  const report = complain(word);
  const { change } = peer;
  switch (word) {
    case 'preshared-key':
      change.presharedKey?.zero();
      change.presharedKey = readKey(value);
      return;
    case 'endpoint':
      peer.endpoint = known(parseEndpoint(value, report));
      return;
    case 'persistent-keepalive':
      change.persistentKeepalive = known(parseKeepalive(value, report));
      return;
    default:
      peer.setAllowedIps(value.replace(/\s+/g, ''), report);
  }
}

function parsePublicKey(text: string): Uint8Array {
  const key = decodeKey(text);
  if (key) return key;
  throw usage(`the key of a peer ${explainBadKey(text)}`);
}

/** Returns a reporter that throws on the first problem. */
function complain(word: string): Report {
  return (message) => {
    throw usage(`${word}: ${message}`);
  };
}

/** Asserts that a parser that reported no problem returned a value. */
function known<T>(value: T | undefined): T {
  if (value === undefined) throw usage('a value cannot be read');
  return value;
}

function usage(message: string, hint = 'wg-ts help set lists all arguments'): WgTsError {
  return new WgTsError('ERR_USAGE', message, { hint });
}
