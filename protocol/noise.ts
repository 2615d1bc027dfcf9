/**
 * The handshake Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s of section 5.4, in both roles. Functions only:
 * the caller decides who sends what when, and which timestamps and indices are valid.
 */
import { hash } from '../crypto/blake2s.js';
import type { CryptoProviders } from '../crypto/providers.js';
import { Secret } from '../crypto/secret.js';
import { clamp } from '../crypto/x25519.js';
import { CONSTRUCTION, IDENTIFIER } from './constants.js';
import { encodeInitiation, encodeResponse, type Initiation, type Response } from './messages.js';
import { SymmetricState } from './symmetricstate.js';

/** Our own long-term key pair. */
export interface Identity {
  readonly privateKey: Secret;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
}

/** What the handshake needs to know about a peer. */
export interface RemoteStatic {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** X25519 of our private and the peer's public key; undefined for a public key of low order. */
  readonly staticStatic: Secret | undefined;
  /** 32 bytes, zeros when there is none. */
  readonly presharedKey: Secret;
}

/** The state of an initiation that we sent, until its response arrives. */
export interface InitiatorState {
  readonly symmetric: SymmetricState;
  readonly ephemeralPrivate: Secret;
  readonly localIndex: number;
}

/** The state of a peer's valid initiation, until we respond to it. */
export interface ResponderState {
  readonly symmetric: SymmetricState;
  /** 32 bytes. */
  readonly remoteEphemeral: Uint8Array;
  readonly remoteIndex: number;
}

export interface SessionKeys {
  readonly sendKey: Secret;
  readonly receiveKey: Secret;
}

const INITIAL_CHAINING_KEY = hash(CONSTRUCTION);
const INITIAL_HASH = hash(INITIAL_CHAINING_KEY, IDENTIFIER);

function begin(crypto: CryptoProviders, responderPublicKey: Uint8Array): SymmetricState {
  const symmetric = new SymmetricState(crypto.aead, INITIAL_CHAINING_KEY, INITIAL_HASH);
  symmetric.mixHash(responderPublicKey);
  return symmetric;
}

function mixDh(
  crypto: CryptoProviders,
  symmetric: SymmetricState,
  privateKey: Secret,
  publicKey: Uint8Array,
): Secret | undefined {
  const shared = crypto.x25519.sharedSecret(privateKey.expose(), publicKey);
  if (!shared) return undefined;
  const key = symmetric.mixKey(shared);
  shared.fill(0);
  return key;
}

/**
 * Section 5.4.2. Takes ownership of `ephemeral`, 32 random bytes; `timestamp` is TAI64N. The macs of the
 * message are left zero. Returns undefined when the peer's public key is of low order.
 */
export function createInitiation(
  crypto: CryptoProviders,
  identity: Identity,
  remote: RemoteStatic,
  localIndex: number,
  ephemeral: Uint8Array,
  timestamp: Uint8Array,
): { message: Uint8Array; state: InitiatorState } | undefined {
  if (!remote.staticStatic) return undefined;
  const ephemeralPrivate = Secret.take(clamp(ephemeral));
  const ephemeralPublic = crypto.x25519.publicKey(ephemeralPrivate.expose());
  const symmetric = begin(crypto, remote.publicKey);
  symmetric.mixChain(ephemeralPublic);
  symmetric.mixHash(ephemeralPublic);
  const staticKey = mixDh(crypto, symmetric, ephemeralPrivate, remote.publicKey);
  if (!staticKey) return undefined;
  const encryptedStatic = symmetric.encryptAndHash(staticKey, identity.publicKey);
  const timestampKey = symmetric.mixKey(remote.staticStatic.expose());
  const encryptedTimestamp = symmetric.encryptAndHash(timestampKey, timestamp);
  const message = encodeInitiation({
    sender: localIndex,
    ephemeral: ephemeralPublic,
    encryptedStatic,
    encryptedTimestamp,
  });
  return { message, state: { symmetric, ephemeralPrivate, localIndex } };
}

/**
 * Section 5.4.2, the responder's side. `findRemote` looks up a peer by its public key. Returns undefined
 * when any check fails. The timestamp (12 bytes) is authentic, but not compared here.
 */
export function consumeInitiation<R extends RemoteStatic>(
  crypto: CryptoProviders,
  identity: Identity,
  message: Initiation,
  findRemote: (publicKey: Uint8Array) => R | undefined,
): { remote: R; timestamp: Uint8Array; state: ResponderState } | undefined {
  const symmetric = begin(crypto, identity.publicKey);
  symmetric.mixChain(message.ephemeral);
  symmetric.mixHash(message.ephemeral);
  const opened = openInitiation(crypto, identity, symmetric, message, findRemote);
  if (!opened) {
    symmetric.zero();
    return undefined;
  }
  const remoteEphemeral = Uint8Array.from(message.ephemeral);
  return { ...opened, state: { symmetric, remoteEphemeral, remoteIndex: message.sender } };
}

function openInitiation<R extends RemoteStatic>(
  crypto: CryptoProviders,
  identity: Identity,
  symmetric: SymmetricState,
  message: Initiation,
  findRemote: (publicKey: Uint8Array) => R | undefined,
): { remote: R; timestamp: Uint8Array } | undefined {
  const staticKey = mixDh(crypto, symmetric, identity.privateKey, message.ephemeral);
  if (!staticKey) return undefined;
  const publicKey = symmetric.decryptAndHash(staticKey, message.encryptedStatic);
  if (!publicKey) return undefined;
  const remote = findRemote(publicKey);
  if (!remote?.staticStatic) return undefined;
  const timestampKey = symmetric.mixKey(remote.staticStatic.expose());
  const timestamp = symmetric.decryptAndHash(timestampKey, message.encryptedTimestamp);
  return timestamp && { remote, timestamp };
}

/**
 * Section 5.4.3. Takes ownership of `ephemeral`, 32 random bytes. Zeroes the state in any case. Returns
 * undefined when the initiator's ephemeral or static key is of low order.
 */
export function createResponse(
  crypto: CryptoProviders,
  remote: RemoteStatic,
  state: ResponderState,
  localIndex: number,
  ephemeral: Uint8Array,
): { message: Uint8Array; keys: SessionKeys } | undefined {
  const { symmetric } = state;
  const ephemeralPrivate = Secret.take(clamp(ephemeral));
  try {
    const ephemeralPublic = crypto.x25519.publicKey(ephemeralPrivate.expose());
    symmetric.mixChain(ephemeralPublic);
    symmetric.mixHash(ephemeralPublic);
    for (const publicKey of [state.remoteEphemeral, remote.publicKey]) {
      const unused = mixDh(crypto, symmetric, ephemeralPrivate, publicKey);
      if (!unused) return undefined;
      unused.zero();
    }
    const key = symmetric.mixKeyAndHash(remote.presharedKey.expose());
    const encryptedNothing = symmetric.encryptAndHash(key, new Uint8Array(0));
    const message = encodeResponse({
      sender: localIndex,
      receiver: state.remoteIndex,
      ephemeral: ephemeralPublic,
      encryptedNothing,
    });
    const [receiveKey, sendKey] = symmetric.split();
    return { message, keys: { sendKey, receiveKey } };
  } finally {
    ephemeralPrivate.zero();
    symmetric.zero();
  }
}

/**
 * Section 5.4.3, the initiator's side. Returns undefined when any check fails. Works on a copy of the
 * state, so that a forged response does not spoil it; on success the caller zeroes it with
 * `zeroInitiator`.
 */
export function consumeResponse(
  crypto: CryptoProviders,
  identity: Identity,
  remote: RemoteStatic,
  state: InitiatorState,
  message: Response,
): SessionKeys | undefined {
  const symmetric = state.symmetric.clone();
  try {
    symmetric.mixChain(message.ephemeral);
    symmetric.mixHash(message.ephemeral);
    for (const privateKey of [state.ephemeralPrivate, identity.privateKey]) {
      const unused = mixDh(crypto, symmetric, privateKey, message.ephemeral);
      if (!unused) return undefined;
      unused.zero();
    }
    const key = symmetric.mixKeyAndHash(remote.presharedKey.expose());
    if (!symmetric.decryptAndHash(key, message.encryptedNothing)) return undefined;
    const [sendKey, receiveKey] = symmetric.split();
    return { sendKey, receiveKey };
  } finally {
    symmetric.zero();
  }
}

export function zeroInitiator(state: InitiatorState): void {
  state.symmetric.zero();
  state.ephemeralPrivate.zero();
}
