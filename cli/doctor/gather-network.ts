/** Gathers facts about the endpoints of a tunnel from the network. */

import type { EndpointConfig } from '../../src/config/model.js';
import { resolveEndpoint } from '../../src/control/endpoints/resolve.js';
import { queryJson, realSystem, type System } from '../../system/commands.js';
import { WgTsError } from '../../system/errors.js';
import { type Pinger, systemPing } from '../../system/ping.js';
import type { EndpointFacts } from './facts.js';
import { udpErrorOf } from './udpprobe.js';

export interface NetworkOptions {
  /** The mark of the tunnel's own packets; 0 is none. */
  readonly fwMark: number;
  /** When false, nothing is sent except DNS queries. */
  readonly sends: boolean;
  readonly system?: System;
  readonly ping?: Pinger;
  readonly udpError?: typeof udpErrorOf;
  readonly signal?: AbortSignal;
}

export async function gatherEndpoints(
  endpoints: ReadonlyMap<string, readonly EndpointConfig[]>,
  options: NetworkOptions,
): Promise<EndpointFacts[]> {
  const pairs = [...endpoints].flatMap(([publicKey, all]) =>
    all.map((endpoint) => ({ publicKey, endpoint })),
  );
  return await Promise.all(
    pairs.map(({ publicKey, endpoint }) => gatherEndpoint(publicKey, endpoint, options)),
  );
}

async function gatherEndpoint(
  publicKey: string,
  { host, port }: EndpointConfig,
  options: NetworkOptions,
): Promise<EndpointFacts> {
  const { fwMark, sends, system = realSystem, ping = systemPing, signal } = options;
  const base = { publicKey, host, port };
  const address = await addressOf({ host, port }, signal);
  if (address instanceof WgTsError) return { ...base, resolveError: address.message };
  const marked = fwMark === 0 ? {} : { fwMark };
  const [route, udpError, answer] = await Promise.all([
    routeTo(address, fwMark, system),
    sends ? (options.udpError ?? udpErrorOf)({ address, port }, fwMark) : undefined,
    sends
      ? ping({ address, count: 2, ...marked, ...(signal && { signal }) })
      : ('unavailable' as const),
  ]);
  return {
    ...base,
    address,
    ...(route && { route }),
    ...(udpError !== undefined && { udpError }),
    ...(answer !== 'unavailable' && { answersPing: answer === 'reply' }),
  };
}

async function addressOf(
  endpoint: EndpointConfig,
  signal: AbortSignal | undefined,
): Promise<string | WgTsError> {
  try {
    const options = { retries: 0, ...(signal && { signal }) };
    return (await resolveEndpoint(endpoint, options)).address;
  } catch (error) {
    if (error instanceof WgTsError) return error;
    throw error;
  }
}

interface RouteGetRow {
  readonly dev?: string;
  readonly prefsrc?: string;
}

async function routeTo(
  address: string,
  fwMark: number,
  { run }: System,
): Promise<EndpointFacts['route']> {
  if (process.platform !== 'linux') return undefined;
  const mark = fwMark === 0 ? [] : ['mark', String(fwMark)];
  const argv = ['ip', '-json', 'route', 'get', address, ...mark];
  const [row] = await queryJson<RouteGetRow>(run, argv);
  if (row?.dev === undefined) return undefined;
  return { interfaceName: row.dev, ...(row.prefsrc !== undefined && { source: row.prefsrc }) };
}
