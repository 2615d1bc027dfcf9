/** The handshake functions alone; known-exchange.test.ts compares their bytes. */
import { describe, expect, it } from 'vitest';
import { defaultProviders } from '../../crypto/providers.js';
import { Secret } from '../../crypto/secret.js';
import { decodeInitiation, decodeResponse } from '../../protocol/messages.js';
import {
  consumeInitiation,
  consumeResponse,
  createInitiation,
  createResponse,
  type Identity,
  type RemoteStatic,
  zeroInitiator,
} from '../../protocol/noise.js';

const providers = defaultProviders();

const { x25519 } = providers;
const LOW_ORDER = new Uint8Array(32);
const TIMESTAMP = new Uint8Array(12).fill(5);

function identity(seed: number): Identity {
  const privateKey = new Uint8Array(32).fill(seed);
  return { privateKey: Secret.take(privateKey), publicKey: x25519.publicKey(privateKey) };
}

function remote(own: Identity, publicKey: Uint8Array, presharedKey = 0): RemoteStatic {
  const shared = x25519.sharedSecret(own.privateKey.expose(), publicKey);
  return {
    publicKey,
    staticStatic: shared && Secret.take(shared),
    presharedKey: Secret.take(new Uint8Array(32).fill(presharedKey)),
  };
}

const alice = identity(1);
const bob = identity(2);
const bobSeenByAlice = remote(alice, bob.publicKey);
const aliceSeenByBob = remote(bob, alice.publicKey);
const ephemeral = (seed: number): Uint8Array => new Uint8Array(32).fill(seed);

function initiate(): NonNullable<ReturnType<typeof createInitiation>> {
  const created = createInitiation(providers, alice, bobSeenByAlice, 11, ephemeral(3), TIMESTAMP);
  if (!created) throw new Error('no initiation');
  return created;
}

function consume(
  message: Uint8Array,
  find: (publicKey: Uint8Array) => RemoteStatic | undefined = () => aliceSeenByBob,
): ReturnType<typeof consumeInitiation<RemoteStatic>> {
  const decoded = decodeInitiation(message);
  return decoded && consumeInitiation(providers, bob, decoded, find);
}

function respond(message: Uint8Array): NonNullable<ReturnType<typeof createResponse>> {
  const consumed = consume(message);
  const created =
    consumed && createResponse(providers, aliceSeenByBob, consumed.state, 22, ephemeral(4));
  if (!created) throw new Error('no response');
  return created;
}

describe('the handshake', () => {
  it('shows the responder who initiates, and gives both the same keys', () => {
    const { message, state } = initiate();
    const asked: Uint8Array[] = [];
    const consumed = consume(message, (publicKey) => {
      asked.push(publicKey);
      return aliceSeenByBob;
    });
    expect(asked).toEqual([alice.publicKey]);
    expect(consumed?.timestamp).toEqual(TIMESTAMP);
    expect(consumed?.state.remoteIndex).toBe(11);
    const response = respond(message);
    const decoded = decodeResponse(response.message);
    const keys = decoded && consumeResponse(providers, alice, bobSeenByAlice, state, decoded);
    expect(decoded).toMatchObject({ sender: 22, receiver: 11 });
    expect(keys?.sendKey.equals(response.keys.receiveKey)).toBe(true);
    expect(keys?.receiveKey.equals(response.keys.sendKey)).toBe(true);
    expect(keys?.sendKey.equals(response.keys.sendKey)).toBe(false);
  });

  it('survives a forged response', () => {
    const { message, state } = initiate();
    const response = respond(message);
    const forged = Uint8Array.from(response.message);
    forged[50] = (forged[50] as number) ^ 1;
    for (const [bytes, isGood] of [
      [forged, false],
      [response.message, true],
      [forged, false],
      [response.message, true],
    ] as const) {
      const decoded = decodeResponse(bytes);
      const keys = decoded && consumeResponse(providers, alice, bobSeenByAlice, state, decoded);
      expect(keys !== undefined).toBe(isGood);
    }
    zeroInitiator(state);
    expect(state.ephemeralPrivate.isZeroed).toBe(true);
  });

  it('fails for another preshared key', () => {
    const { message, state } = initiate();
    const decoded = decodeResponse(respond(message).message);
    const other = remote(alice, bob.publicKey, 9);
    expect(decoded && consumeResponse(providers, alice, other, state, decoded)).toBeUndefined();
  });

  it('fails for an initiator that is not known', () => {
    expect(consume(initiate().message, () => undefined)).toBeUndefined();
  });

  it('fails when the peer found is not the one that holds the key', () => {
    const mallory = remote(bob, identity(7).publicKey);
    expect(consume(initiate().message, () => mallory)).toBeUndefined();
  });

  it.each([0, 1, 2, 3])('draws nothing from a public key of low order (%i)', (where) => {
    const weak = remote(alice, LOW_ORDER);
    const { message, state } = initiate();
    if (where === 0) {
      expect(weak.staticStatic).toBeUndefined();
      expect(createInitiation(providers, alice, weak, 1, ephemeral(3), TIMESTAMP)).toBeUndefined();
    } else if (where === 1) {
      expect(consume(message, () => weak)).toBeUndefined();
      message.set(LOW_ORDER, 8);
      expect(consume(message)).toBeUndefined();
    } else if (where === 2) {
      const { symmetric } = consume(message)?.state ?? {};
      if (!symmetric) throw new Error('no state');
      const spoiled = { symmetric, remoteEphemeral: LOW_ORDER, remoteIndex: 1 };
      expect(createResponse(providers, aliceSeenByBob, spoiled, 1, ephemeral(4))).toBeUndefined();
    } else {
      const response = respond(message).message;
      response.set(LOW_ORDER, 12);
      const decoded = decodeResponse(response);
      expect(
        decoded && consumeResponse(providers, alice, bobSeenByAlice, state, decoded),
      ).toBeUndefined();
    }
  });
});
