import { lookup } from 'node:dns/promises';
import type { Endpoint } from '../../../protocol/dataplane.js';
import { canonicalAddress } from '../../../protocol/ip.js';
import { WgTsError } from '../../../system/errors.js';
import { orAborted, type PauseOptions, pause } from '../../../system/waiting.js';
import type { EndpointConfig } from '../../config/model.js';

/** Resolves to the addresses of a host name, the preferred one first. */
export type Resolver = (host: string) => Promise<readonly string[]>;

export interface ResolveOptions extends PauseOptions {
  readonly resolver?: Resolver;
  /** How often a temporary failure is retried; by default as wg(8), 15 times. */
  readonly retries?: number;
  readonly onRetry?: (message: string) => void;
}

const DEFAULT_RETRIES = 15;
const FIRST_DELAY = 1000;
const MAX_DELAY = 20_000;
/** Node's names for EAI_NONAME, EAI_NODATA and EAI_FAIL, which a retry cannot change. */
const FINAL: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA', 'EAI_FAIL']);

export const systemResolver: Resolver = async (host) =>
  (await lookup(host, { all: true, verbatim: true })).map(({ address }) => address);

/** Resolves to the preferred one of `resolveAddresses`; throws the same. */
export async function resolveEndpoint(
  endpoint: EndpointConfig,
  options: ResolveOptions = {},
): Promise<Endpoint> {
  const [first] = await resolveAddresses(endpoint, options);
  if (!first) throw unresolved(endpoint.host, 'ENOTFOUND');
  return first;
}

/**
 * Resolves to all addresses of a peer's Endpoint, at least one, the preferred one first. A name that
 * does not exist fails at once; a name server that does not answer is asked again with growing pauses,
 * as wg(8) does. Throws WgTsError ERR_RESOLVE, and the signal's reason.
 */
export async function resolveAddresses(
  { host, port }: EndpointConfig,
  options: ResolveOptions = {},
): Promise<readonly Endpoint[]> {
  const literal = canonicalAddress(host);
  if (literal !== undefined) return [{ address: literal, port }];
  const { resolver = systemResolver, retries = DEFAULT_RETRIES, signal } = options;
  for (let tries = 0, delay = FIRST_DELAY; ; tries++, delay = Math.min(delay * 1.2, MAX_DELAY)) {
    const answer = await orAborted(ask(resolver, host), signal);
    if (typeof answer === 'object') return answer.map((address) => ({ address, port }));
    if (FINAL.has(answer) || tries >= retries) throw unresolved(host, answer);
    options.onRetry?.(`cannot resolve ${host} yet: trying again in ${(delay / 1000).toFixed(1)} s`);
    await pause(delay, options);
  }
}

/** Resolves to at least one address, or to the code of the failure. */
async function ask(resolver: Resolver, host: string): Promise<readonly string[] | string> {
  try {
    const addresses = (await resolver(host)).map(canonicalAddress);
    const known = new Set(addresses.filter((address) => address !== undefined));
    return known.size > 0 ? [...known] : 'ENOTFOUND';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

export function isLiteral({ host }: EndpointConfig): boolean {
  return canonicalAddress(host) !== undefined;
}

function unresolved(host: string, reason: string): WgTsError {
  const why = FINAL.has(reason) ? 'no such name' : 'the name server does not answer';
  return new WgTsError('ERR_RESOLVE', `cannot resolve the Endpoint ${host}: ${why} (${reason})`, {
    hint: 'check the spelling and your DNS, or write the IP address as Endpoint',
  });
}
