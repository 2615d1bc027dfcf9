import { randomUUID } from 'node:crypto';
import type { Endpoint } from '../../protocol/dataplane.js';
import { guidBytes } from '../../system/windows/guid.js';
import { matchDescriptor } from '../../system/windows/sid.js';
import {
  endpointFilter,
  killSwitchFilters,
  type OwnTraffic,
  ownFilters,
} from './firewall-rules.js';
import type { Keys } from './firewall-structs.js';
import { appIdOf, FilterEngine } from './fwpuclnt.js';

export interface KillSwitchOptions {
  readonly luid: bigint;
  /** The only DNS servers that may be queried; when empty, DNS gets no special treatment. */
  readonly dnsServers: readonly string[];
  readonly endpoints: readonly Endpoint[];
  readonly listenPort: number;
  /** SID of the service that runs this process: `S-1-5-80-...`. */
  readonly serviceSid?: string | undefined;
}

/** Lets nothing leave or enter this machine except through the tunnel, for as long as it is open. */
export class KillSwitch {
  readonly #options: KillSwitchOptions;
  readonly #keys: Keys = { provider: newKey(), sublayer: newKey() };
  #engine: FilterEngine | undefined;
  #own: OwnTraffic | undefined;
  #endpoints: readonly Endpoint[];
  #listenPort: number;
  /** Ids of the filters that permit incoming packets of the tunnel. */
  #ownFilters: readonly bigint[] = [];
  /** Ids of the filters that permit packets to an endpoint. */
  #permitted = new Map<string, bigint>();

  constructor(options: KillSwitchOptions) {
    this.#options = options;
    this.#endpoints = options.endpoints;
    this.#listenPort = options.listenPort;
  }

  /** Throws WindowsCallError, and then has changed nothing. */
  open(): void {
    const { luid, dnsServers, serviceSid } = this.#options;
    const own: OwnTraffic = {
      appId: appIdOf(process.execPath),
      listenPort: this.#listenPort,
      ...(serviceSid !== undefined && { serviceDescriptor: matchDescriptor(serviceSid) }),
    };
    const engine = new FilterEngine('wg-ts');
    try {
      engine.transaction(() => {
        engine.addProvider(this.#keys, 'wg-ts');
        engine.addSublayer(this.#keys, 'wg-ts kill switch');
        this.#ownFilters = this.#addedOwn(engine, own);
        for (const filter of killSwitchFilters(luid, dnsServers))
          engine.addFilter(this.#keys, filter);
        this.#permitted = this.#added(engine, own, this.#endpoints);
      });
    } catch (error) {
      engine.close();
      throw error;
    }
    this.#own = own;
    this.#engine = engine;
  }

  /** The endpoints of peers have changed. Throws WindowsCallError, and then keeps the previous ones. */
  setEndpoints(endpoints: readonly Endpoint[]): void {
    this.#endpoints = endpoints;
    const [engine, own] = [this.#engine, this.#own];
    if (!engine || !own) return;
    const wanted = new Map(endpoints.map((endpoint) => [endpointId(endpoint), endpoint]));
    const fresh = [...wanted].filter(([id]) => !this.#permitted.has(id));
    const gone = [...this.#permitted].filter(([id]) => !wanted.has(id));
    if (own.serviceDescriptor || (fresh.length === 0 && gone.length === 0)) return;
    let added = new Map<string, bigint>();
    engine.transaction(() => {
      added = this.#added(
        engine,
        own,
        fresh.map(([, endpoint]) => endpoint),
      );
      for (const [, filter] of gone) engine.deleteFilter(filter);
    });
    for (const [id] of gone) this.#permitted.delete(id);
    for (const [id, filter] of added) this.#permitted.set(id, filter);
  }

  /** The listen port has changed. Throws WindowsCallError, and then keeps the previous one. */
  setListenPort(listenPort: number): void {
    const [engine, before] = [this.#engine, this.#own];
    if (!engine || !before) {
      this.#listenPort = listenPort;
      return;
    }
    if (before.serviceDescriptor || listenPort === before.listenPort) return;
    const own = { ...before, listenPort };
    let ownFilters: readonly bigint[] = [];
    let permitted = new Map<string, bigint>();
    engine.transaction(() => {
      ownFilters = this.#addedOwn(engine, own);
      permitted = this.#added(engine, own, this.#endpoints);
      for (const filter of [...this.#ownFilters, ...this.#permitted.values()])
        engine.deleteFilter(filter);
    });
    this.#listenPort = listenPort;
    this.#own = own;
    this.#ownFilters = ownFilters;
    this.#permitted = permitted;
  }

  close(): void {
    const engine = this.#engine;
    this.#engine = undefined;
    this.#permitted.clear();
    engine?.close();
  }

  #addedOwn(engine: FilterEngine, own: OwnTraffic): bigint[] {
    return ownFilters(own).map((filter) => engine.addFilter(this.#keys, filter));
  }

  #added(
    engine: FilterEngine,
    own: OwnTraffic,
    endpoints: readonly Endpoint[],
  ): Map<string, bigint> {
    const added = new Map<string, bigint>();
    if (own.serviceDescriptor) return added;
    for (const endpoint of endpoints) {
      const id = endpointId(endpoint);
      if (!added.has(id))
        added.set(id, engine.addFilter(this.#keys, endpointFilter(own, endpoint)));
    }
    return added;
  }
}

function endpointId({ address, port }: Endpoint): string {
  return `${address} ${port}`;
}

function newKey(): Uint8Array {
  return guidBytes(randomUUID());
}
