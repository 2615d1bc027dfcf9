/** A whole exchange against bytes that were computed by another program (see test/vectors). */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { nobleAead } from '../../crypto/chacha20poly1305.js';
import { nobleX25519 } from '../../crypto/noblex25519.js';
import { type CryptoProviders, defaultProviders } from '../../crypto/providers.js';
import { Secret } from '../../crypto/secret.js';
import { Host, prefix } from '../support/host.js';
import { Network } from '../support/network.js';
import { addresses } from '../support/pair.js';

type Vector = Record<
  | 'name'
  | 'wallNanos'
  | 'initiatorPrivate'
  | 'initiatorPublic'
  | 'responderPrivate'
  | 'responderPublic'
  | 'presharedKey'
  | 'initiatorEphemeral'
  | 'responderEphemeral'
  | 'initiatorIndex'
  | 'responderIndex'
  | 'initiation'
  | 'response'
  | 'packetThere'
  | 'transportThere'
  | 'secondTransportThere'
  | 'packetBack'
  | 'transportBack',
  string
>;

const vectors = JSON.parse(
  readFileSync(new URL('../vectors/known-exchange.json', import.meta.url), 'utf8'),
) as Vector[];

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const hex = (data: Uint8Array | undefined): string => Buffer.from(data ?? []).toString('hex');

const libraries: [string, CryptoProviders][] = [
  ['the libraries chosen by default', defaultProviders()],
  ['the libraries in plain JavaScript', { x25519: nobleX25519, aead: nobleAead }],
];

interface Side {
  readonly network: Network;
  readonly host: Host;
  readonly remote: { address: string; port: number };
  /** In hexadecimal. */
  sent(): string[];
  received(): string[];
  hears(message: string): void;
}

/** One side of the exchange, whose peer is the test. */
function side(vector: Vector, role: 'initiator' | 'responder', crypto: CryptoProviders): Side {
  const isInitiator = role === 'initiator';
  const network = new Network();
  const remote = addresses(isInitiator ? 2 : 1).endpoint;
  const host = new Host(network, {
    ...addresses(isInitiator ? 1 : 2),
    privateKey: bytes(vector[`${role}Private`]),
    crypto,
    random: (length) => {
      if (length === 4) return bytes(vector[`${role}Index`]);
      if (length === 32) return bytes(vector[`${role}Ephemeral`]);
      return new Uint8Array(length);
    },
  });
  host.wallError = BigInt(vector.wallNanos) - network.wallNanos();
  host.configure({
    publicKey: bytes(isInitiator ? vector.responderPublic : vector.initiatorPublic),
    presharedKey: Secret.take(bytes(vector.presharedKey)),
    endpoint: remote,
    allowedIps: [prefix('10.0.0.0/24')],
  });
  return {
    network,
    host,
    remote,
    sent: () => network.seen.map((seen) => hex(seen.bytes)),
    received: () => host.received.map(({ packet }) => hex(packet)),
    hears: (message) => {
      network.inject(remote, host.endpoint, bytes(message));
      network.run(0);
    },
  };
}

describe.each(libraries)('with %s', (_, crypto) => {
  describe.each(vectors.map((vector) => [vector.name, vector] as const))('%s', (__, vector) => {
    it('the initiator sends and takes the known bytes', () => {
      const { host, sent, received, hears } = side(vector, 'initiator', crypto);
      expect(hex(host.device.publicKey)).toBe(vector.initiatorPublic);
      host.handlePacket(bytes(vector.packetThere));
      expect(sent()).toEqual([vector.initiation]);
      hears(vector.response);
      expect(sent().slice(1)).toEqual([vector.transportThere]);
      host.handlePacket(bytes(vector.packetThere));
      expect(sent().slice(2)).toEqual([vector.secondTransportThere]);
      hears(vector.transportBack);
      expect(received()).toEqual([vector.packetBack]);
    });

    it('the responder sends and takes the known bytes', () => {
      const { host, sent, received, hears } = side(vector, 'responder', crypto);
      expect(hex(host.device.publicKey)).toBe(vector.responderPublic);
      hears(vector.initiation);
      expect(sent()).toEqual([vector.response]);
      hears(vector.transportThere);
      hears(vector.secondTransportThere);
      expect(received()).toEqual([vector.packetThere, vector.packetThere]);
      host.handlePacket(bytes(vector.packetBack));
      expect(sent().slice(1)).toEqual([vector.transportBack]);
    });
  });
});
