import { encodeKey } from '../../src/config/key.js';
import { queryUapi, uapiSocket } from '../../src/uapi/client.js';
import { type UapiDevice, zeroSecrets } from '../../src/uapi/codec.js';
import { possibleInterfaces } from '../wg/interfaces.js';

/** What the interfaces reported at one moment; contains no secrets. */
export interface Reading {
  /** Monotonic milliseconds. */
  readonly at: number;
  /** Unix seconds. */
  readonly time: number;
  readonly interfaces: readonly InterfaceReading[];
  /** Interfaces that have a socket but could not be read, with the reason. */
  readonly failures: readonly { readonly name: string; readonly reason: string }[];
}

export interface InterfaceReading {
  readonly name: string;
  readonly listenPort: number;
  readonly dataPlane?: string;
  /** In the order of the interface, so that rows do not move. */
  readonly peers: readonly PeerReading[];
}

export interface PeerReading {
  /** Base64. */
  readonly publicKey: string;
  readonly endpoint?: string;
  /** Unix seconds, 0 is never. */
  readonly latestHandshake: number;
  readonly rxBytes: bigint;
  readonly txBytes: bigint;
}

/** The interface that is watched; undefined means all that exist at each reading. */
export type WatchedName = string | undefined;

/** An interface that does not answer is among the failures of the result. */
export async function readInterfaces(watched: WatchedName): Promise<Reading> {
  const names = watched === undefined ? possibleInterfaces().sort() : [watched];
  const answers = await Promise.all(names.map(readOrFail));
  return {
    at: performance.now(),
    time: Date.now() / 1000,
    interfaces: answers.flatMap((answer) => (answer && 'peers' in answer ? [answer] : [])),
    failures: answers.flatMap((answer) => (answer && 'reason' in answer ? [answer] : [])),
  };
}

async function readOrFail(name: string): Promise<InterfaceReading | Failure | undefined> {
  try {
    const device = await queryUapi(uapiSocket(name));
    return device && withoutSecrets(name, device);
  } catch (error) {
    return { name: printable(name), reason: error instanceof Error ? error.message : 'no answer' };
  }
}

type Failure = Reading['failures'][number];

function withoutSecrets(name: string, device: UapiDevice): InterfaceReading {
  zeroSecrets(device);
  const { listenPort, dataPlane, peers } = device;
  return {
    name: printable(name),
    listenPort,
    ...(dataPlane !== undefined && { dataPlane: printable(dataPlane) }),
    peers: peers.map(({ publicKey, endpoint, latestHandshake, rxBytes, txBytes }) => ({
      publicKey: encodeKey(publicKey),
      ...(endpoint !== undefined && { endpoint: printable(endpoint) }),
      latestHandshake: Number(latestHandshake / 1_000_000_000n),
      rxBytes,
      txBytes,
    })),
  };
}

/** Other programs serve such sockets too, and control characters must not reach the terminal. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, '?');
}
