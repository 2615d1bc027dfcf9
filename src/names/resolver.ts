/** Looks up the names of endpoints past the tunnel, so that a peer is found while the tunnel is broken. */
import { readFile } from 'node:fs/promises';
import { domainToASCII } from 'node:url';
import type { NameServers } from '../../network/netconfig.js';
import type { Clock } from '../../system/clock.js';
import { hasLibc } from '../../system/linux/libc.js';
import { sourceTowards } from '../../udp/linux/connected.js';
import { ask } from './ask.js';
import { addressesInHosts } from './hosts.js';
import { candidatesOf } from './lookup.js';
import { inOrder } from './order.js';

/** Lookups that are under way at once; each has two sockets. */
const AT_ONCE = 16;
const HOSTS = '/etc/hosts';
/** Name servers are not asked for these (RFC 6761). */
const OF_THIS_MACHINE = /(^|\.)localhost\.?$/i;

export interface PastTunnelOptions {
  /** Resolves to the machine's name servers as they are now. */
  readonly nameServers: () => Promise<NameServers>;
  /** Returns the mark of the tunnel's own packets; 0 is none. */
  readonly mark: () => number;
  /** Is asked when no name server is known, and when those that are do not find a name. */
  readonly systemResolver: (host: string) => Promise<readonly string[]>;
  readonly clock: Clock;
  /** By default 53. */
  readonly port?: number;
}

/** See `resolve`. */
export class PastTunnelResolver {
  readonly #options: PastTunnelOptions;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(options: PastTunnelOptions) {
    this.#options = options;
  }

  /**
   * Resolves to the addresses of /etc/hosts, else to those that the machine's name servers know when asked
   * past the tunnel, else to those of the system's resolver, the preferred one first. Rejects with a `code`
   * as node:dns does.
   */
  async resolve(host: string): Promise<readonly string[]> {
    const { mark, systemResolver } = this.#options;
    const order = (found: readonly string[]): string[] =>
      inOrder(found, (address) => sourceTowards(address, mark()));
    if (!hasLibc() || OF_THIS_MACHINE.test(host)) return await systemResolver(host);
    const listed = addressesInHosts(await readHosts(), host);
    if (listed.length > 0) return order(listed);
    const result = await this.#inTurn(() => this.#ask(host));
    if (result?.type === 'addresses') return order(result.addresses);
    try {
      // Other sources than DNS may know it, or a server that is reached otherwise.
      return await systemResolver(host);
    } catch (error) {
      if (result?.type !== 'no such name') throw error;
      throw Object.assign(new Error(`${host} does not exist`), { code: 'ENOTFOUND' });
    }
  }

  async #ask(host: string): Promise<Awaited<ReturnType<typeof ask>> | undefined> {
    const { nameServers, mark, clock, port } = this.#options;
    const machine = await nameServers();
    if (machine.servers.length === 0) return undefined;
    return await ask({
      candidates: candidatesOf(isAscii(host) ? host : domainToASCII(host), machine),
      servers: machine.servers,
      mark: mark(),
      clock,
      ...(port !== undefined && { port }),
    });
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= AT_ONCE) await new Promise<void>((go) => this.#waiting.push(go));
    else this.#running++;
    try {
      return await work();
    } finally {
      // The place passes on, so that nobody takes it in between.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }
}

/** Of these, domainToASCII would take some for short IPv4 addresses. */
function isAscii(host: string): boolean {
  return /^[\w.-]*$/.test(host);
}

async function readHosts(): Promise<string> {
  try {
    return await readFile(HOSTS, 'utf8');
  } catch {
    return '';
  }
}
