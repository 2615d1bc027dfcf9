import type { Lab, LinkEnd } from './lab.js';
import { CLIENT_PORT, INNER, PORT } from './topology.js';
import { Client, type Environment, newKeyPair } from './tunnel.js';

export interface OwnPairOptions {
  /** Where the client sends to: the server, or what stands before it. */
  readonly endpoint: string;
  /** Of both. */
  readonly env?: Environment;
}

/** The client under test at both ends. */
export interface OwnPair {
  readonly client: Client;
  readonly server: Client;
}

/** Neither end is up. */
export function makeOwnPair(
  lab: Lab,
  clientEnd: LinkEnd,
  serverEnd: LinkEnd,
  options: OwnPairOptions,
): OwnPair {
  const [clientKeys, serverKeys] = [newKeyPair(), newKeyPair()];
  const clientPrefixes = [`${INNER.client.v4}/32`, `${INNER.client.v6}/128`];
  const serverPrefixes = [`${INNER.server.v4}/32`, `${INNER.server.v6}/128`];
  const { endpoint, env } = options;
  const server = new Client(
    lab,
    serverEnd.namespace,
    {
      keys: serverKeys,
      addresses: serverPrefixes,
      listenPort: PORT,
      peers: [{ publicKey: clientKeys.publicKey, allowedIps: clientPrefixes }],
    },
    env,
  );
  const client = new Client(
    lab,
    clientEnd.namespace,
    {
      keys: clientKeys,
      addresses: clientPrefixes,
      listenPort: CLIENT_PORT,
      peers: [
        {
          publicKey: serverKeys.publicKey,
          allowedIps: serverPrefixes,
          endpoint,
        },
      ],
    },
    env,
  );
  return { client, server };
}

/** Both ends up, and no packet sent yet. */
export async function startOwnPair(
  lab: Lab,
  clientEnd: LinkEnd,
  serverEnd: LinkEnd,
  options: OwnPairOptions,
): Promise<OwnPair> {
  const pair = makeOwnPair(lab, clientEnd, serverEnd, options);
  await pair.server.up();
  await pair.client.up();
  return pair;
}
