import { KEY_LENGTH } from '../../crypto/aead.js';
import { isAllZero, Secret } from '../../crypto/secret.js';
import { MIN_IPV6_MTU } from '../../protocol/constants.js';
import type { IpPrefix } from '../../protocol/ip.js';
import type { Findings, Place } from './findings.js';
import type { EndpointConfig, InterfaceConfig } from './model.js';
import {
  type Entry,
  Given,
  type InterfaceKey,
  parseSecretKey,
  valuePlace,
  withoutSpaces,
} from './section.js';
import {
  parseAddresses,
  parseBoolean,
  parseDns,
  parseFwMark,
  parseListener,
  parseMtu,
  parsePort,
  parseReresolveInterval,
  parseTable,
} from './values.js';

type HookKey = 'PreUp' | 'PostUp' | 'PreDown' | 'PostDown';

/** What has been read of [Interface] so far. */
export class InterfaceSection {
  readonly place: Place;
  readonly #findings: Findings;
  readonly #given = new Given<InterfaceKey>();
  #privateKey: Secret | undefined;
  #listenPort: number | undefined;
  #fwMark: number | undefined;
  #mtu: number | undefined;
  #probesMtu = false;
  #mtuPlace: Place | undefined;
  #table: 'auto' | 'off' | number = 'auto';
  #saveConfig = false;
  #killSwitch = false;
  #reresolveInterval: number | undefined;
  #metrics: EndpointConfig | undefined;
  readonly #addresses: IpPrefix[] = [];
  readonly #dnsServers: string[] = [];
  readonly #dnsSearch: string[] = [];
  readonly #hooks: Record<HookKey, string[]> = { PreUp: [], PostUp: [], PreDown: [], PostDown: [] };

  constructor(place: Place, findings: Findings) {
    this.place = place;
    this.#findings = findings;
  }

  /** The line of `entry` has been refused, and most likely means `key`. */
  misspelt(key: string, entry: Entry): void {
    if (key === 'PrivateKey') this.#given.meant(key, entry.line);
  }

  set(key: InterfaceKey, entry: Entry): void {
    const report = this.#findings.reporter(valuePlace(entry), key);
    switch (key) {
      case 'Address':
        append(this.#addresses, parseAddresses(entry.value, report));
        return;
      case 'DNS': {
        const { servers, search } = parseDns(entry.value, report);
        append(this.#dnsServers, servers);
        append(this.#dnsSearch, search);
        return;
      }
      case 'PreUp':
      case 'PostUp':
      case 'PreDown':
      case 'PostDown':
        this.#addHook(key, entry);
        return;
    }
    this.#given.once(key, entry, this.#findings);
    const value = withoutSpaces(entry.value);
    switch (key) {
      case 'PrivateKey':
        this.#privateKey?.zero();
        this.#privateKey = parseSecretKey(value, report);
        if (this.#privateKey && isAllZero(this.#privateKey.expose()))
          report('is all zeros, which is not a key');
        return;
      case 'ListenPort':
        this.#listenPort = parsePort(value, report);
        return;
      case 'FwMark':
        this.#fwMark = parseFwMark(value, report);
        return;
      case 'MTU':
        this.#mtuPlace = valuePlace(entry);
        this.#probesMtu = value.toLowerCase() === 'probe';
        this.#mtu = value === '' || this.#probesMtu ? undefined : parseMtu(value, report);
        return;
      case 'Table':
        this.#table = (value === '' ? 'auto' : parseTable(value, report)) ?? 'auto';
        return;
      case 'SaveConfig':
        this.#saveConfig = parseBoolean(value, report) ?? false;
        return;
      case 'KillSwitch':
        this.#killSwitch = parseBoolean(value, report) ?? false;
        return;
      case 'ReresolveInterval':
        this.#reresolveInterval = parseReresolveInterval(value, report);
        return;
      case 'Metrics':
        this.#metrics = value.toLowerCase() === 'off' ? undefined : parseListener(value, report);
        return;
    }
  }

  #addHook(key: HookKey, entry: Entry): void {
    const place = valuePlace(entry);
    if (entry.hasComment && hasOpenQuote(entry.value))
      this.#findings.warning(place, "the command ends at the '#', although it is in quotes", key);
    if (entry.value === '') this.#findings.warning(place, 'is empty and does nothing', key);
    else this.#hooks[key].push(entry.value);
  }

  /** wg-quick(8) documents this for keys that are stored elsewhere: `wg set %i private-key FILE`. */
  #doWithoutPrivateKey(): void {
    if ([...this.#hooks.PreUp, ...this.#hooks.PostUp].length === 0) {
      this.#findings.problem(this.place, '[Interface] has no PrivateKey');
      return;
    }
    const advice = 'PostUp has to set it, as in wg set %i private-key FILE';
    this.#findings.warning(this.place, `[Interface] has no PrivateKey: ${advice}`);
    this.#privateKey = Secret.take(new Uint8Array(KEY_LENGTH));
  }

  /** Returns undefined when there is no private key; the problem has been reported then. */
  finish(): InterfaceConfig | undefined {
    if (!this.#given.has('PrivateKey')) this.#doWithoutPrivateKey();
    const isIpv6 = this.#addresses.some(({ address }) => address.length === 16);
    if (this.#mtuPlace && this.#mtu !== undefined && this.#mtu < MIN_IPV6_MTU && isIpv6)
      this.#findings.warning(
        this.#mtuPlace,
        `the IPv6 addresses will not work with an MTU below ${MIN_IPV6_MTU}`,
        'MTU',
      );
    if (!this.#privateKey) return undefined;
    return {
      privateKey: this.#privateKey,
      ...(this.#listenPort && { listenPort: this.#listenPort }),
      ...(this.#fwMark && { fwMark: this.#fwMark }),
      addresses: this.#addresses,
      dnsServers: this.#dnsServers,
      dnsSearch: this.#dnsSearch,
      ...(this.#mtu !== undefined && { mtu: this.#mtu }),
      ...(this.#probesMtu && { probesMtu: true }),
      table: this.#table,
      preUp: this.#hooks.PreUp,
      postUp: this.#hooks.PostUp,
      preDown: this.#hooks.PreDown,
      postDown: this.#hooks.PostDown,
      saveConfig: this.#saveConfig,
      ...(this.#killSwitch && { killSwitch: true }),
      ...(this.#reresolveInterval && { reresolveInterval: this.#reresolveInterval }),
      ...(this.#metrics && { metrics: this.#metrics }),
    };
  }

  /** Zeroes the secrets of a file that will not be used. */
  discard(): void {
    this.#privateKey?.zero();
  }
}

function append<T>(list: T[], more: readonly T[]): void {
  for (const one of more) list.push(one);
}

function hasOpenQuote(command: string): boolean {
  return command.split("'").length % 2 === 0 || command.split('"').length % 2 === 0;
}
