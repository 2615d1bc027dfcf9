import type { Lab, LinkEnd, Namespace } from './lab.js';
import {
  Client,
  type Environment,
  type KeyPair,
  newKeyPair,
  newPresharedKey,
  type TunnelSpec,
  WireguardGo,
} from './tunnel.js';

export const PORT: number = 51820;
export const CLIENT_PORT: number = 51821;

/** Addresses inside of the tunnel. */
export const INNER: {
  readonly client: { readonly v4: string; readonly v6: string };
  readonly server: { readonly v4: string; readonly v6: string };
} = {
  client: { v4: '10.64.0.2', v6: 'fd64::2' },
  server: { v4: '10.64.0.1', v6: 'fd64::1' },
};

export type Family = 'v4' | 'v6';

export interface PairOptions {
  /** The family of the network between both. */
  readonly outer?: Family;
  readonly withPresharedKey?: boolean;
  /** Who knows the other's endpoint, and so begins. */
  readonly initiator?: 'client' | 'server';
  readonly keepalive?: number;
  /** More for the client than the server's own two addresses. */
  readonly clientAllows?: readonly string[];
  readonly serverAllows?: readonly string[];
  /** Of the client under test. */
  readonly env?: Environment;
}

/** Two namespaces with a cable: the client under test, and wireguard-go as its server. */
export interface Pair {
  readonly clientEnd: LinkEnd;
  readonly serverEnd: LinkEnd;
  readonly client: Client;
  readonly server: WireguardGo;
}

/** `address` with `port`, in brackets where needed. */
export function endpoint(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Builds both tunnels; neither is up. */
export async function makePair(lab: Lab, options: PairOptions = {}): Promise<Pair> {
  const [clientEnd, serverEnd] = await lab.link(
    await lab.namespace('client'),
    await lab.namespace('server'),
  );
  const family = options.outer ?? 'v4';
  const clientKeys = newKeyPair();
  const serverKeys = newKeyPair();
  const psk = options.withPresharedKey ? { presharedKey: newPresharedKey() } : {};
  const clientBegins = (options.initiator ?? 'client') === 'client';
  const server = new WireguardGo(lab, serverEnd.namespace, {
    keys: serverKeys,
    addresses: [`${INNER.server.v4}/24`, `${INNER.server.v6}/64`],
    listenPort: PORT,
    peers: [
      {
        publicKey: clientKeys.publicKey,
        ...psk,
        allowedIps: [
          `${INNER.client.v4}/32`,
          `${INNER.client.v6}/128`,
          ...(options.serverAllows ?? []),
        ],
        ...(clientBegins ? {} : { endpoint: endpoint(clientEnd[family], CLIENT_PORT) }),
      },
    ],
  });
  const client = new Client(
    lab,
    clientEnd.namespace,
    clientSpec(clientKeys, {
      publicKey: serverKeys.publicKey,
      ...psk,
      allowedIps: [
        `${INNER.server.v4}/32`,
        `${INNER.server.v6}/128`,
        ...(options.clientAllows ?? []),
      ],
      ...(clientBegins ? { endpoint: endpoint(serverEnd[family], PORT) } : {}),
      ...(options.keepalive === undefined ? {} : { keepalive: options.keepalive }),
    }),
    options.env,
  );
  return { clientEnd, serverEnd, client, server };
}

/** A client's tunnel with the usual addresses and port and one peer. */
export function clientSpec(keys: KeyPair, peer: TunnelSpec['peers'][number]): TunnelSpec {
  return {
    keys,
    addresses: [`${INNER.client.v4}/32`, `${INNER.client.v6}/128`],
    listenPort: CLIENT_PORT,
    peers: [peer],
  };
}

/** Both ends up, and no packet sent yet. */
export async function startPair(lab: Lab, options: PairOptions = {}): Promise<Pair> {
  const pair = await makePair(lab, options);
  await pair.server.start();
  await pair.client.up();
  return pair;
}

/** Makes a namespace forward between its interfaces. */
export async function makeRouter(namespace: Namespace): Promise<void> {
  await namespace.mustRun([
    'sysctl',
    '-qw',
    'net.ipv4.ip_forward=1',
    'net.ipv6.conf.all.forwarding=1',
  ]);
}

/**
 * Starts wireguard-go in `there` for a single client with the address of INNER. Returns it, the keys of
 * the client and its own.
 */
export async function startServer(
  lab: Lab,
  there: Namespace,
): Promise<{ readonly ours: KeyPair; readonly theirs: KeyPair; readonly server: WireguardGo }> {
  const [ours, theirs] = [newKeyPair(), newKeyPair()];
  const server = new WireguardGo(lab, there, {
    keys: theirs,
    addresses: [`${INNER.server.v4}/24`],
    listenPort: PORT,
    peers: [{ publicKey: ours.publicKey, allowedIps: [`${INNER.client.v4}/32`] }],
  });
  await server.start();
  return { ours, theirs, server };
}
