import { type Config, type ConnectOptions, memoryTunPair, type Tun } from '../../src/index.js';
import { bringUpPair, type TunnelPair } from '../pair/tunnels.js';
import { until } from '../until.js';

/** Frequent enough to watch. */
const TRANSFER_INTERVAL_MS = 100;
const HANDSHAKE_PATIENCE_MS = 5000;

export interface EndConfigs {
  readonly client: Config;
  readonly server: Config;
}

export interface DemoPair extends TunnelPair {
  /** The machines behind the two tunnels: their side of the interface. */
  readonly hosts: { readonly client: Tun; readonly server: Tun };
}

/** Brings up both ends, each with an interface in memory. Throws what `connect` throws. */
export async function bringUpEnds(
  { client, server }: EndConfigs,
  options: ConnectOptions,
): Promise<DemoPair> {
  const [serverTun, serverHost] = memoryTunPair({ name: 'server' });
  const [clientTun, clientHost] = memoryTunPair({ name: 'client' });
  const both = { ...options, transferInterval: TRANSFER_INTERVAL_MS };
  const pair = await bringUpPair({
    server: { ...both, config: server, name: 'server', tun: serverTun },
    client: { ...both, config: withoutKeepalive(client), name: 'client', tun: clientTun },
  });
  return { ...pair, hosts: { client: clientHost, server: serverHost } };
}

/** The client initiates. Throws when the two ends do not soon have a session. */
export async function firstHandshake(pair: TunnelPair, signal: AbortSignal): Promise<void> {
  const late = AbortSignal.timeout(HANDSHAKE_PATIENCE_MS);
  try {
    await pair.client.tunnel.handshake({ signal: AbortSignal.any([signal, late]) });
  } catch (error) {
    if (signal.aborted || !late.aborted) throw error;
    throw new Error(`the server did not answer within ${HANDSHAKE_PATIENCE_MS / 1000} s`);
  }
  await handshakesDone(pair, 1, signal);
}

/** Waits until both ends have made `count` sessions; throws if they have not, or in the wrong roles. */
export async function handshakesDone(
  { client, server }: TunnelPair,
  count: number,
  signal: AbortSignal,
): Promise<void> {
  const isDone = (): boolean => client.roles.length >= count && server.roles.length >= count;
  await until(`both ends have made session ${count}`, isDone, signal);
  if (client.roles.some((role) => role !== 'initiator'))
    throw new Error('the server initiated a handshake when it was the client’s turn');
  for (const { tunnel } of [client, server])
    if (tunnel.state !== 'connected')
      throw new Error(`the ${tunnel.name} is ${tunnel.state} instead of connected`);
}

/** Returns the configurations with a port that the system chooses. */
export function onAnyPort({ client, server }: EndConfigs): EndConfigs {
  const { listenPort, ...rest } = server.interface;
  return { client, server: { ...server, interface: rest } };
}

/** A keepalive would start the handshake before the demo shows it. */
function withoutKeepalive(config: Config): Config {
  return { ...config, peers: config.peers.map((peer) => ({ ...peer, persistentKeepalive: 0 })) };
}
