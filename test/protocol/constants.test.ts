import { expect, it } from 'vitest';
import * as constants from '../../protocol/constants.js';

it('holds the values of section 6.1', () => {
  expect(constants).toMatchObject({
    REKEY_AFTER_MESSAGES: 1_152_921_504_606_846_976n,
    REJECT_AFTER_MESSAGES: 18_446_744_073_709_543_423n,
    REKEY_AFTER_TIME: 120_000,
    REJECT_AFTER_TIME: 180_000,
    REKEY_ATTEMPT_TIME: 90_000,
    REKEY_TIMEOUT: 5_000,
    KEEPALIVE_TIMEOUT: 10_000,
    MAX_TIMER_HANDSHAKES: 18,
  });
});

it('spells the strings of section 5.4', () => {
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
  expect(text(constants.CONSTRUCTION)).toBe('Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s');
  expect(text(constants.IDENTIFIER)).toBe('WireGuard v1 zx2c4 Jason@zx2c4.com');
  expect(text(constants.LABEL_MAC1)).toBe('mac1----');
  expect(text(constants.LABEL_COOKIE)).toBe('cookie--');
});
