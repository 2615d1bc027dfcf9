/** Two tunnels in one process, over UDP on the loopback interface. */
import type { Config, Tunnel } from '../../src/index.js';
import { type ConnectProgramOptions, connectProgram } from '../../src/program.js';
import type { AddressPair } from './packets.js';

const LOOPBACK = '127.0.0.1';
/** Makes traffic to and from other machines impossible. */
const LOOPBACK_ONLY = { ipv4Address: LOOPBACK, ipv6: false } as const;

/** Without `tun` the end has a real interface. */
export interface EndOptions extends ConnectProgramOptions {
  readonly config: Config;
}

/** A tunnel, and a record of its events so far. */
export class TunnelEnd {
  readonly tunnel: Tunnel;
  /** Its role in each handshake. */
  readonly roles: string[] = [];
  /** The endpoint of its peer after each event. */
  readonly endpoints: string[] = [];
  rxBytes = 0n;
  txBytes = 0n;

  private constructor(tunnel: Tunnel) {
    this.tunnel = tunnel;
    tunnel.on('handshake', ({ role }) => this.roles.push(role));
    tunnel.on('endpoint', ({ endpoint }) => this.endpoints.push(endpoint));
    tunnel.on('transfer', ({ rxBytes, txBytes }) => {
      this.rxBytes = rxBytes;
      this.txBytes = txBytes;
    });
  }

  /** Throws what `connect` throws. */
  static async up({ config, ...options }: EndOptions): Promise<TunnelEnd> {
    return new TunnelEnd(await connectProgram(config, { ...options, udp: LOOPBACK_ONLY }));
  }

  get address(): string {
    return `${LOOPBACK}:${this.tunnel.listenPort}`;
  }
}

export interface TunnelPair {
  readonly server: TunnelEnd;
  readonly client: TunnelEnd;
  /** Idempotent. */
  close(): Promise<void>;
}

/** The server comes first, as the client has to know its port. Throws what `connect` throws. */
export async function bringUpPair(ends: {
  readonly server: EndOptions;
  readonly client: EndOptions;
}): Promise<TunnelPair> {
  const server = await TunnelEnd.up(ends.server);
  try {
    const config = withEndpoint(ends.client.config, LOOPBACK, server.tunnel.listenPort);
    const client = await TunnelEnd.up({ ...ends.client, config });
    const close = (): Promise<void> => client.tunnel.close().finally(() => server.tunnel.close());
    return { server, client, close };
  } catch (error) {
    await server.tunnel.close();
    throw error;
  }
}

/** Returns `config` with this endpoint for all peers. */
export function withEndpoint(config: Config, host: string, port: number): Config {
  return { ...config, peers: config.peers.map((peer) => ({ ...peer, endpoint: { host, port } })) };
}

/** Returns the addresses inside the tunnel, one pair per address of the client. */
export function addressPairs(client: Config, server: Config): AddressPair[] {
  return client.interface.addresses.flatMap(({ address: from }) => {
    const to = server.interface.addresses.find(({ address }) => address.length === from.length);
    return to ? [[from, to.address] as const] : [];
  });
}
