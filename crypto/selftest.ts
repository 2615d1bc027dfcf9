import { hexToBytes } from '@noble/hashes/utils.js';
import { type AeadProvider, TAG_LENGTH } from './aead.js';
import { constantTimeEquals } from './secret.js';
import type { X25519 } from './x25519.js';

/** RFC 7748, section 6.1. */
const ALICE_PRIVATE = '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a';
const ALICE_PUBLIC = '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a';
const BOB_PUBLIC = 'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f';
const SHARED = '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742';

/** RFC 8439, section 2.8.2. */
const AEAD_KEY = '808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f';
const AEAD_NONCE = '070000004041424344454647';
const AEAD_DATA = '50515253c0c1c2c3c4c5c6c7';
const AEAD_TEXT =
  '4c616469657320616e642047656e746c656d656e206f662074686520636c6173' +
  '73206f66202739393a204966204920636f756c64206f6666657220796f75206f' +
  '6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73' +
  '637265656e20776f756c642062652069742e';
const AEAD_SEALED =
  'd31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6' +
  '3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36' +
  '92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc' +
  '3ff4def08e4b7a9de576d26586cec64b6116' +
  '1ae10b594f09e26a7e902ecbd0600691';

/** Returns whether a candidate computes X25519 and refuses the zero point; a candidate that throws fails. */
export function passesX25519(candidate: X25519): boolean {
  return doesNotThrow(() => {
    const privateKey = hexToBytes(ALICE_PRIVATE);
    return (
      equals(candidate.publicKey(privateKey), ALICE_PUBLIC) &&
      equals(candidate.sharedSecret(privateKey, hexToBytes(BOB_PUBLIC)), SHARED) &&
      candidate.sharedSecret(privateKey, new Uint8Array(32)) === undefined
    );
  });
}

/** Returns whether a candidate seals, opens and refuses a wrong tag; a candidate that throws fails. */
export function passesAead(candidate: AeadProvider): boolean {
  return doesNotThrow(() => {
    const key = candidate.createKey(hexToBytes(AEAD_KEY));
    const nonce = hexToBytes(AEAD_NONCE);
    const data = hexToBytes(AEAD_DATA);
    const text = hexToBytes(AEAD_TEXT);

    const sealed = new Uint8Array(text.length + TAG_LENGTH);
    key.seal(nonce, text, sealed, data);
    if (!equals(sealed, AEAD_SEALED)) return false;

    const opened = new Uint8Array(text.length);
    if (!key.open(nonce, sealed, opened, data) || !equals(opened, AEAD_TEXT)) return false;

    const last = sealed.length - 1;
    sealed[last] = (sealed[last] as number) ^ 1;
    const refuses = !key.open(nonce, sealed, opened, data);
    key.destroy();
    return refuses;
  });
}

function equals(actual: Uint8Array | undefined, expectedHex: string): boolean {
  return actual !== undefined && constantTimeEquals(actual, hexToBytes(expectedHex));
}

function doesNotThrow(test: () => boolean): boolean {
  try {
    return test();
  } catch {
    return false;
  }
}
