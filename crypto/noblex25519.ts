import { pow } from '@noble/curves/abstract/modular.js';
import { montgomery } from '@noble/curves/abstract/montgomery.js';
import { clamp, createNobleX25519, type X25519 } from './x25519.js';

/** RFC 7748, section 4.1. */
const PRIME = 2n ** 255n - 19n;

/**
 * Noble's Montgomery ladder with the parameters of Curve25519. Its ready-made x25519 multiplies the base
 * point faster, but takes several times as long to load, since it brings Ed25519 and everything built on it.
 */
export const nobleX25519: X25519 = createNobleX25519(
  montgomery({
    P: PRIME,
    type: 'x25519',
    adjustScalarBytes: clamp,
    powPminus2: (x) => pow(x, PRIME - 2n, PRIME),
  }),
);
