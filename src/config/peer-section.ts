import { isAllZero, type Secret } from '../../crypto/secret.js';
import type { IpPrefix } from '../../protocol/ip.js';
import { parseExcludedIps } from './exclude.js';
import type { Findings, Place } from './findings.js';
import type { EndpointConfig, ExcludedIp, PeerConfig } from './model.js';
import {
  type Entry,
  Given,
  type PeerKey,
  parseKey,
  parseSecretKey,
  valuePlace,
  withoutSpaces,
} from './section.js';
import { parseEndpoints, parseKeepalive, parseNetworks } from './values.js';

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
  readonly #excludedIps: ExcludedIp[] = [];
  #publicKey: Uint8Array | undefined;
  #presharedKey: Secret | undefined;
  #endpoints: readonly EndpointConfig[] = [];
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

  /** The line of `entry` has been refused, and most likely means `key`. */
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
    if (key === 'ExcludedIPs') {
      this.#given.meant(key, entry.line);
      this.#excludedIps.push(...parseExcludedIps(entry.value, report));
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
        this.#endpoints = parseEndpoints(value, report);
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

  /** Keys that this section leaves out keep the values of an earlier section for the same peer. */
  inherit(earlier: PeerSection): void {
    if (this.#given.has('PresharedKey')) earlier.#presharedKey?.zero();
    else this.#presharedKey = earlier.#presharedKey;
    if (this.#endpoints.length === 0) this.#endpoints = earlier.#endpoints;
    this.#keepalive ??= earlier.#keepalive;
    if (!this.#given.has('ExcludedIPs')) this.#excludedIps.push(...earlier.#excludedIps);
  }

  /** `allowedIps` are those that no later peer has taken over. */
  toConfig(publicKey: Uint8Array, allowedIps: readonly IpPrefix[]): PeerConfig {
    // A preshared key of zeros is the same as none (section 5.2).
    const presharedKey =
      this.#presharedKey && !isAllZero(this.#presharedKey.expose())
        ? this.#presharedKey
        : undefined;
    const [endpoint, ...fallbackEndpoints] = this.#endpoints;
    return {
      publicKey,
      ...(presharedKey && { presharedKey }),
      allowedIps,
      ...(this.#excludedIps.length > 0 && { excludedIps: this.#excludedIps }),
      ...(endpoint && { endpoint }),
      ...(fallbackEndpoints.length > 0 && { fallbackEndpoints }),
      ...(this.#keepalive && { persistentKeepalive: this.#keepalive }),
    };
  }

  /** Zeroes the secrets of a file that will not be used. */
  discard(): void {
    this.#presharedKey?.zero();
  }
}
