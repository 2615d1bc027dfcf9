import { isAllZero, type Secret } from '../../crypto/secret.js';
import type { IpPrefix } from '../../protocol/ip.js';
import type { Findings, Place } from './findings.js';
import type { EndpointConfig, PeerConfig } from './model.js';
import {
  type Entry,
  Given,
  type PeerKey,
  parseKey,
  parseSecretKey,
  valuePlace,
  withoutSpaces,
} from './section.js';
import { parseEndpoint, parseKeepalive, parseNetworks } from './values.js';

/** A network of AllowedIPs and where it was given. */
export interface PlacedNetwork {
  readonly network: IpPrefix;
  readonly place: Place;
}

/** What has been read of one [Peer] so far. */
export class PeerSection {
  readonly place: Place;
  readonly #findings: Findings;
  readonly #given = new Given<PeerKey>();
  readonly #networks: PlacedNetwork[] = [];
  #publicKey: Uint8Array | undefined;
  #presharedKey: Secret | undefined;
  #endpoint: EndpointConfig | undefined;
  #keepalive: number | undefined;

  constructor(place: Place, findings: Findings) {
    this.place = place;
    this.#findings = findings;
  }

  get publicKey(): Uint8Array | undefined {
    return this.#publicKey;
  }

  get networks(): readonly PlacedNetwork[] {
    return this.#networks;
  }

  /** The line of `entry` has been refused, and most likely stands for `key`. */
  misspelt(key: string, entry: Entry): void {
    if (key === 'PublicKey') this.#given.meant(key, entry.line);
  }

  set(key: PeerKey, entry: Entry): void {
    const place = valuePlace(entry);
    const report = this.#findings.reporter(place, key);
    if (key === 'AllowedIPs') {
      for (const network of parseNetworks(entry.value, report))
        this.#networks.push({ network, place });
      return;
    }
    const advice = key === 'PublicKey' ? '; is a [Peer] line missing between them?' : '';
    this.#given.once(key, entry, this.#findings, advice);
    const value = withoutSpaces(entry.value);
    switch (key) {
      case 'PublicKey':
        this.#publicKey = parseKey(value, report);
        return;
      case 'PresharedKey':
        this.#presharedKey?.zero();
        this.#presharedKey = parseSecretKey(value, report);
        return;
      case 'Endpoint':
        this.#endpoint = parseEndpoint(value, report);
        return;
      case 'PersistentKeepalive':
        this.#keepalive = parseKeepalive(value, report);
        return;
    }
  }

  /** To be called once, when the section ends. */
  checkComplete(): void {
    if (!this.#given.has('PublicKey'))
      this.#findings.problem(this.place, '[Peer] has no PublicKey');
  }

  /** What this section leaves out keeps the value of an earlier one for the same peer. */
  inherit(earlier: PeerSection): void {
    if (this.#given.has('PresharedKey')) earlier.#presharedKey?.zero();
    else this.#presharedKey = earlier.#presharedKey;
    this.#endpoint ??= earlier.#endpoint;
    this.#keepalive ??= earlier.#keepalive;
  }

  /** `allowedIps` are those that no later peer has taken. */
  toConfig(publicKey: Uint8Array, allowedIps: readonly IpPrefix[]): PeerConfig {
    // A preshared key of zeros is the same as none (section 5.2).
    const presharedKey =
      this.#presharedKey && !isAllZero(this.#presharedKey.expose())
        ? this.#presharedKey
        : undefined;
    return {
      publicKey,
      ...(presharedKey && { presharedKey }),
      allowedIps,
      ...(this.#endpoint && { endpoint: this.#endpoint }),
      ...(this.#keepalive && { persistentKeepalive: this.#keepalive }),
    };
  }

  /** Zeroes the secrets of a file that is not going to be used. */
  discard(): void {
    this.#presharedKey?.zero();
  }
}
