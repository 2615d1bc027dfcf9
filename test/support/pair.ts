/** Two hosts that know each other, the network between them, and how tests talk about both. */
import type { AeadProvider } from '../../crypto/aead.js';
import { type CryptoProviders, defaultProviders } from '../../crypto/providers.js';
import { Secret } from '../../crypto/secret.js';
import {
  classify,
  type MessageType,
  readCounter,
  readReceiver,
  readSender,
  TRANSPORT_OVERHEAD,
} from '../../protocol/messages.js';
import { Host } from './host.js';
import { type Link, Network, type SeenDatagram, textOf } from './network.js';
import { payloadText } from './packets.js';

const providers = defaultProviders();

export interface PairOptions {
  readonly seed?: number;
  readonly link?: Partial<Link>;
  /** 32 bytes, on both sides. */
  readonly presharedKey?: Uint8Array;
  readonly persistentKeepalive?: number;
  readonly crypto?: CryptoProviders;
  readonly aead?: AeadProvider;
  readonly mtu?: number;
  /** Which host's public key is the greater one: it gives way when both initiate at once. */
  readonly greater?: 'a' | 'b';
  /** Whether b knows where a is; otherwise it has to learn it from a's messages. */
  readonly bKnowsEndpoint?: boolean;
}

export interface Pair {
  readonly network: Network;
  readonly a: Host;
  readonly b: Host;
}

export function pair(options: PairOptions = {}): Pair {
  const network = new Network(options.seed);
  Object.assign(network.link, options.link);
  const keys = keysInOrder(network, options.greater ?? 'b');
  const { crypto = providers, aead = crypto.aead, mtu = 1420 } = options;
  const [a, b] = [
    new Host(network, { ...addresses(1), privateKey: keys[0], crypto, aead, mtu }),
    new Host(network, { ...addresses(2), privateKey: keys[1], crypto, aead, mtu }),
  ];
  const { persistentKeepalive } = options;
  using presharedKey = Secret.copyOf(options.presharedKey ?? new Uint8Array(32));
  const change = {
    presharedKey,
    ...(persistentKeepalive !== undefined && { persistentKeepalive }),
  };
  b.addPeer(a, change, options.bKnowsEndpoint ?? true);
  a.addPeer(b, change);
  return { network, a, b };
}

/** Outer and inner addresses of the host with the number `n`, 1 to 254. */
export function addresses(n: number): {
  endpoint: { address: string; port: number };
  v4: string;
  v6: string;
} {
  return {
    endpoint: { address: `192.0.2.${n}`, port: 50_000 + n },
    v4: `10.0.0.${n}`,
    v6: `fd00::${n.toString(16)}`,
  };
}

/** Two private keys such that the public key of the named host is the greater one. */
function keysInOrder(network: Network, greater: 'a' | 'b'): [Uint8Array, Uint8Array] {
  const [first, second] = [network.random.bytes(32), network.random.bytes(32)];
  const publicKeys = [first, second].map((key) => providers.x25519.publicKey(key));
  const firstIsGreater =
    Buffer.compare(publicKeys[0] as Uint8Array, publicKeys[1] as Uint8Array) > 0;
  return firstIsGreater === (greater === 'a') ? [first, second] : [second, first];
}

/** The texts of the packets that came out of the host's TUN device, in order. */
export function texts(host: Host): string[] {
  return host.received.map(({ packet }) => payloadText(packet));
}

/** What the eavesdropper saw from `host` (by its present endpoint), of one type if given. */
export function sentBy(host: Host, type?: MessageType): SeenDatagram[] {
  return host.network.seen.filter(
    ({ from, bytes }) =>
      textOf(from) === textOf(host.endpoint) && (!type || classify(bytes) === type),
  );
}

/** Transport messages with data in them. */
export function dataSentBy(host: Host): SeenDatagram[] {
  return sentBy(host, 4).filter(({ bytes }) => bytes.length > TRANSPORT_OVERHEAD);
}

export function keepalivesSentBy(host: Host): SeenDatagram[] {
  return sentBy(host, 4).filter(({ bytes }) => bytes.length === TRANSPORT_OVERHEAD);
}

export function counters(datagrams: readonly SeenDatagram[]): bigint[] {
  return datagrams.map(({ bytes }) => readCounter(bytes));
}

/**
 * The session under which the hosts sent last, if it is the same for both: the eavesdropper finds
 * the indices of both directions in one response.
 */
export function commonSession({ a, b }: Pair): SeenDatagram | undefined {
  const [toB, toA] = [sentBy(a, 4).at(-1), sentBy(b, 4).at(-1)];
  if (!toB || !toA) return undefined;
  const indices = [readReceiver(toB.bytes), readReceiver(toA.bytes)].sort();
  return [...sentBy(a, 2), ...sentBy(b, 2)].find(
    ({ bytes }) =>
      [readSender(bytes), new DataView(bytes.buffer).getUint32(8, true)].sort().join() ===
      indices.join(),
  );
}

/** Lets a handshake of a's and one packet each way take place. */
export function connect({ network, a, b }: Pair): void {
  a.send(b, 'connect');
  network.run(1000);
  b.send(a, 'connected');
  network.run(1000);
  if (texts(a).at(-1) !== 'connected') throw new Error('the hosts do not connect');
}

export const HOUR = 3_600_000;
export const MINUTE = 60_000;
export const SECOND = 1000;
