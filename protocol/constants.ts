/** Numbers and strings of the protocol (section 6.1 unless stated otherwise). Times in milliseconds. */
import { KEY_LENGTH, TAG_LENGTH } from '../crypto/aead.js';

/** Number of messages under one key after which its owner initiates a new handshake. */
export const REKEY_AFTER_MESSAGES: bigint = 2n ** 60n;
/** The first counter that must no longer be sent or accepted. */
export const REJECT_AFTER_MESSAGES: bigint = 2n ** 64n - 2n ** 13n - 1n;

/** Milliseconds. Only the initiator of a session rekeys by time. */
export const REKEY_AFTER_TIME = 120_000;
/** Milliseconds. */
export const REJECT_AFTER_TIME = 180_000;
/** Milliseconds for which a handshake is retried. */
export const REKEY_ATTEMPT_TIME = 90_000;
/** Milliseconds between two attempts at a handshake, before jitter. */
export const REKEY_TIMEOUT = 5_000;
/** The greatest jitter added to REKEY_TIMEOUT, in milliseconds, inclusive. */
export const REKEY_TIMEOUT_JITTER = 333;
/** REKEY_ATTEMPT_TIME as a number of attempts. */
export const MAX_TIMER_HANDSHAKES: number = REKEY_ATTEMPT_TIME / REKEY_TIMEOUT;
/** Milliseconds after which received data is answered at the latest, by a keepalive if need be. */
export const KEEPALIVE_TIMEOUT = 10_000;

/** Milliseconds after which the responder makes another cookie secret (section 5.4.7). */
export const COOKIE_SECRET_LIFE = 120_000;
/** Milliseconds for which the receiver of a cookie may hold it (section 5.4.7). */
export const COOKIE_LIFE = 120_000;
/** Milliseconds by which an initiator stops using a cookie early, to allow for the path to the responder. */
export const COOKIE_LATENCY = 5_000;

/** Milliseconds for which a responder acts as if under load after it last was (section 5.3). */
export const UNDER_LOAD_AFTER = 1_000;
/** An initiation that comes fewer milliseconds than this after the peer's last one is dropped. */
export const MIN_INITIATION_INTERVAL = 20;

/** Handshake messages per second from one source under load (section 5.3). */
export const RATE_LIMIT_PER_SECOND = 20;
/** Handshake messages allowed at once from a source that was silent before. */
export const RATE_LIMIT_BURST = 5;
/** The greatest number of sources that the limiter remembers. */
export const RATE_LIMIT_SOURCES = 65_536;

/** Bits of the replay bitmap (section 5.4.6). */
export const REPLAY_BITMAP_BITS = 8192;
/** How far below the greatest counter a counter is still accepted. */
export const REPLAY_WINDOW = 8128;

/** The greatest number of packets staged for one peer; beyond it the oldest is dropped. */
export const MAX_STAGED_PACKETS = 128;

/** The outer traffic class of handshake messages, DSCP AF41, as the kernel sets it. */
export const HANDSHAKE_TRAFFIC_CLASS = 0x88;

export const DEFAULT_MTU = 1420;
/**
 * The most that a tunnel adds to a packet, in bytes: outer IPv6 and UDP headers, transport header and
 * tag (40 + 8 + 16 + 16).
 */
export const TUNNEL_OVERHEAD = 80;
/** The length of a datagram that every host must accept (RFC 791). */
export const MIN_IPV4_MTU = 576;
/** With a smaller MTU an interface cannot carry IPv6 (RFC 8200, section 5). */
export const MIN_IPV6_MTU = 1280;
/** Inner packets are zero-padded to a multiple of this, though not beyond the MTU (section 5.4.6). */
export const PADDING = 16;

/** Bytes of a public, private or preshared key. */
export const KEY_BYTES: number = KEY_LENGTH;
/** Bytes of an authentication tag. */
export const TAG_BYTES: number = TAG_LENGTH;
/** Bytes of mac1, mac2 and a cookie. */
export const MAC_BYTES = 16;
/** Bytes of a cookie reply's nonce. */
export const COOKIE_NONCE_BYTES = 24;
/** Bytes of a TAI64N timestamp. */
export const TIMESTAMP_BYTES = 12;

const utf8 = new TextEncoder();

/** Names the Noise pattern (section 5.4). */
export const CONSTRUCTION: Uint8Array = utf8.encode('Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s');
export const IDENTIFIER: Uint8Array = utf8.encode('WireGuard v1 zx2c4 Jason@zx2c4.com');
export const LABEL_MAC1: Uint8Array = utf8.encode('mac1----');
export const LABEL_COOKIE: Uint8Array = utf8.encode('cookie--');
