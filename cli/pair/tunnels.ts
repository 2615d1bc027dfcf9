import type { IpPrefix } from '../../protocol/index.js';
import {
  type Clock,
  type Config,
  connect,
  type DataPlaneKind,
  memoryTunPair,
  type Tun,
  type Tunnel,
} from '../../src/index.js';
import { until } from '../until.js';

/** Traffic to and from other machines is impossible this way. */
const LOOPBACK_ONLY = { ipv4Address: '127.0.0.1', ipv6: false } as const;
export const LOOPBACK = '127.0.0.1';
/** Often enough to be watched. */
const TRANSFER_INTERVAL_MS = 100;
const HANDSHAKE_PATIENCE_MS = 5000;

export interface EndOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** By default what a program gets that brings its own packets. */
  readonly dataPlane?: DataPlaneKind;
}

/** A tunnel, the machine behind it, and what the tunnel has told so far. */
export class DemoEnd {
  readonly tunnel: Tunnel;
  /** The machine's side of the interface. */
  readonly host: Tun;
  /** Which part it had in each handshake. */
  readonly roles: string[] = [];
  /** Where it found its peer, by each event. */
  readonly endpoints: string[] = [];
  rxBytes = 0n;
  txBytes = 0n;

  private constructor(tunnel: Tunnel, host: Tun) {
    this.tunnel = tunnel;
    this.host = host;
    tunnel.on('handshake', ({ role }) => this.roles.push(role));
    tunnel.on('endpoint', ({ endpoint }) => this.endpoints.push(endpoint));
    tunnel.on('transfer', ({ rxBytes, txBytes }) => {
      this.rxBytes = rxBytes;
      this.txBytes = txBytes;
    });
  }

  /** Throws what `connect` throws. */
  static async up(name: string, config: Config, options: EndOptions): Promise<DemoEnd> {
    const [tun, host] = memoryTunPair({ name });
    const tunnel = await connect(config, {
      ...options,
      name,
      tun,
      udp: LOOPBACK_ONLY,
      transferInterval: TRANSFER_INTERVAL_MS,
    });
    return new DemoEnd(tunnel, host);
  }

  get address(): string {
    return `${LOOPBACK}:${this.tunnel.listenPort}`;
  }
}

/** Both ends, the server first, as the client has to know its port. */
export interface DemoPair {
  readonly server: DemoEnd;
  readonly client: DemoEnd;
  close(): Promise<void>;
}

export async function bringUpPair(
  { client, server }: { readonly client: Config; readonly server: Config },
  options: EndOptions,
): Promise<DemoPair> {
  const serverEnd = await DemoEnd.up('server', server, options);
  try {
    const port = serverEnd.tunnel.listenPort;
    // A keepalive would bring the handshake before anybody looks.
    const quiet = withoutKeepalive(withEndpoint(client, LOOPBACK, port));
    const clientEnd = await DemoEnd.up('client', quiet, options);
    return {
      server: serverEnd,
      client: clientEnd,
      async close(): Promise<void> {
        await clientEnd.tunnel.close();
        await serverEnd.tunnel.close();
      },
    };
  } catch (error) {
    await serverEnd.tunnel.close();
    throw error;
  }
}

/** The client begins. Throws when there is no session at both ends soon. */
export async function firstHandshake(pair: DemoPair, signal: AbortSignal): Promise<void> {
  const late = AbortSignal.timeout(HANDSHAKE_PATIENCE_MS);
  try {
    await pair.client.tunnel.handshake({ signal: AbortSignal.any([signal, late]) });
  } catch (error) {
    if (signal.aborted || !late.aborted) throw error;
    throw new Error(`the server does not answer within ${HANDSHAKE_PATIENCE_MS / 1000} s`);
  }
  await handshakesDone(pair, 1, signal);
}

/** Waits until both ends have made a session; throws when they have not, or in other roles. */
export async function handshakesDone(
  { client, server }: DemoPair,
  count: number,
  signal: AbortSignal,
): Promise<void> {
  const isDone = (): boolean => client.roles.length >= count && server.roles.length >= count;
  await until(`both ends have made session ${count}`, isDone, signal);
  if (client.roles.some((role) => role !== 'initiator'))
    throw new Error('the server began a handshake, and it was the client’s turn');
  for (const { tunnel } of [client, server])
    if (tunnel.state !== 'connected')
      throw new Error(`the ${tunnel.name} is ${tunnel.state} and not connected`);
}

/** All peers of `config` are at this place. */
export function withEndpoint(config: Config, host: string, port: number): Config {
  return { ...config, peers: config.peers.map((peer) => ({ ...peer, endpoint: { host, port } })) };
}

function withoutKeepalive(config: Config): Config {
  return { ...config, peers: config.peers.map((peer) => ({ ...peer, persistentKeepalive: 0 })) };
}

/** With a port that the system chooses. */
export function onAnyPort(config: Config): Config {
  const { listenPort, ...rest } = config.interface;
  return { ...config, interface: rest };
}

export type AddressPair = readonly [from: Uint8Array, to: Uint8Array];

/** The addresses inside of the tunnel, family by family. */
export function addressPairs(client: Config, server: Config): AddressPair[] {
  const first = ({ interface: { addresses } }: Config, length: number): IpPrefix | undefined =>
    addresses.find(({ address }) => address.length === length);
  return [4, 16].flatMap((length) => {
    const [from, to] = [first(client, length), first(server, length)];
    return from && to ? [[from.address, to.address] as const] : [];
  });
}
