import { KEY_LENGTH } from '../../crypto/aead.js';
import { Secret } from '../../crypto/secret.js';

/**
 * The cross-platform userspace protocol of wg(8): `key=value` lines with keys in hexadecimal, an
 * empty line at the end. `data_plane` is an addition of ours, which wg(8) passes over.
 */
export interface UapiDevice {
  readonly privateKey?: Secret;
  /** 0 is none. */
  readonly listenPort: number;
  /** 0 is none. */
  readonly fwMark: number;
  readonly dataPlane?: string;
  readonly peers: readonly UapiPeer[];
}

export interface UapiPeer {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly presharedKey?: Secret;
  /** `192.0.2.1:51820`, `[2001:db8::1]:51820`. */
  readonly endpoint?: string;
  /** Unix nanoseconds, 0 is never. */
  readonly latestHandshake: bigint;
  readonly rxBytes: bigint;
  readonly txBytes: bigint;
  /** Seconds, 0 is off. */
  readonly persistentKeepalive: number;
  readonly allowedIps: readonly string[];
}

/** An answer that is not of the protocol, or tells a failure. Never holds a part of the answer. */
export class UapiError extends Error {
  readonly code = 'ERR_UAPI';

  constructor(message: string) {
    super(message);
    this.name = 'UapiError';
  }
}

const NANOS = 1_000_000_000n;
const LINE_FEED = 0x0a;
const EQUALS = 0x3d;
const HEX_DIGITS = new TextEncoder().encode('0123456789abcdef');

/** The answer to get=1. It holds the private key and the preshared keys: zero it when it is sent. */
export function encodeGet(device: UapiDevice): Uint8Array {
  const out = new Lines();
  if (device.privateKey) out.key('private_key', device.privateKey.expose());
  if (device.listenPort !== 0) out.text('listen_port', device.listenPort);
  if (device.fwMark !== 0) out.text('fwmark', device.fwMark);
  if (device.dataPlane !== undefined) out.text('data_plane', device.dataPlane);
  for (const peer of device.peers) {
    out.key('public_key', peer.publicKey);
    if (peer.presharedKey) out.key('preshared_key', peer.presharedKey.expose());
    out.text('protocol_version', 1);
    if (peer.endpoint !== undefined) out.text('endpoint', peer.endpoint);
    out.text('last_handshake_time_sec', peer.latestHandshake / NANOS);
    out.text('last_handshake_time_nsec', peer.latestHandshake % NANOS);
    out.text('tx_bytes', peer.txBytes);
    out.text('rx_bytes', peer.rxBytes);
    out.text('persistent_keepalive_interval', peer.persistentKeepalive);
    for (const allowedIp of peer.allowedIps) out.text('allowed_ip', allowedIp);
  }
  out.text('errno', 0);
  return out.end();
}

/** `errno` is 0 or a negative number of errno.h, which wg(8) expects in answers to set=1. */
export function encodeErrno(errno: number): Uint8Array {
  const out = new Lines();
  out.text('errno', errno);
  return out.end();
}

/** Bytes and not text, as a string with a key in it could not be zeroed. */
class Lines {
  #bytes = new Uint8Array(1024);
  #length = 0;

  text(key: string, value: string | number | bigint): void {
    this.#append(Buffer.from(`${key}=${value}\n`, 'latin1'));
  }

  key(name: string, bytes: Uint8Array): void {
    this.#append(Buffer.from(`${name}=`, 'latin1'));
    this.#reserve(2 * bytes.length + 1);
    for (const byte of bytes) {
      this.#bytes[this.#length++] = HEX_DIGITS[byte >> 4] as number;
      this.#bytes[this.#length++] = HEX_DIGITS[byte & 15] as number;
    }
    this.#bytes[this.#length++] = LINE_FEED;
  }

  end(): Uint8Array {
    this.#reserve(1);
    this.#bytes[this.#length++] = LINE_FEED;
    return this.#bytes.subarray(0, this.#length);
  }

  #append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
    larger.set(this.#bytes);
    this.#bytes.fill(0);
    this.#bytes = larger;
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Reads an answer to get=1 up to its empty line; keys that are not known are passed over. The caller
 * zeroes `bytes`, and the secrets of the result. Throws UapiError.
 */
export function parseGet(bytes: Uint8Array): UapiDevice {
  const peers: Mutable<UapiPeer & { allowedIps: string[] }>[] = [];
  const device: Mutable<UapiDevice> = { listenPort: 0, fwMark: 0, peers };
  try {
    for (const { key, value } of linesOf(bytes)) {
      if (key === 'errno') {
        const errno = integer(value, 0x7fff_ffffn);
        if (errno !== 0n) throw new UapiError(`the interface answers with error ${errno}`);
        return device;
      }
      const peer = peers.at(-1);
      if (key === 'public_key') peers.push(newPeer(unhex(value)));
      else if (peer) setPeerField(peer, key, value);
      else setDeviceField(device, key, value);
    }
    throw new UapiError('the answer of the interface ends early');
  } catch (error) {
    zeroSecrets(device);
    throw error;
  }
}

export function zeroSecrets(device: UapiDevice): void {
  device.privateKey?.zero();
  for (const { presharedKey } of device.peers) presharedKey?.zero();
}

function newPeer(publicKey: Uint8Array): Mutable<UapiPeer & { allowedIps: string[] }> {
  return {
    publicKey,
    latestHandshake: 0n,
    rxBytes: 0n,
    txBytes: 0n,
    persistentKeepalive: 0,
    allowedIps: [],
  };
}

function setDeviceField(device: Mutable<UapiDevice>, key: string, value: Uint8Array): void {
  if (key === 'private_key') {
    device.privateKey?.zero();
    device.privateKey = Secret.take(unhex(value));
  } else if (key === 'listen_port') device.listenPort = Number(integer(value, 0xffffn));
  else if (key === 'fwmark') device.fwMark = Number(integer(value, 0xffff_ffffn));
  else if (key === 'data_plane') device.dataPlane = text(value);
}

function setPeerField(
  peer: Mutable<UapiPeer & { allowedIps: string[] }>,
  key: string,
  value: Uint8Array,
): void {
  const uint64 = (): bigint => integer(value, 0xffff_ffff_ffff_ffffn);
  if (key === 'preshared_key') {
    const psk = unhex(value);
    // Zeros stand for none.
    if (psk.some((byte) => byte !== 0)) peer.presharedKey = Secret.take(psk);
  } else if (key === 'endpoint') peer.endpoint = text(value);
  else if (key === 'allowed_ip') peer.allowedIps.push(text(value));
  else if (key === 'persistent_keepalive_interval')
    peer.persistentKeepalive = Number(integer(value, 0xffffn));
  else if (key === 'last_handshake_time_sec')
    peer.latestHandshake += integer(value, 0x7fff_ffff_ffff_ffffn) * NANOS;
  else if (key === 'last_handshake_time_nsec')
    peer.latestHandshake += integer(value, 0x7fff_ffff_ffff_ffffn);
  else if (key === 'rx_bytes') peer.rxBytes = uint64();
  else if (key === 'tx_bytes') peer.txBytes = uint64();
}

/** The lines before the first empty one. */
function* linesOf(bytes: Uint8Array): Generator<{ key: string; value: Uint8Array }> {
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(LINE_FEED, start);
    if (end === -1 || end === start) return;
    const equals = bytes.subarray(start, end).indexOf(EQUALS);
    if (equals === -1) throw new UapiError('the answer of the interface has a line without =');
    yield {
      key: text(bytes.subarray(start, start + equals)),
      value: bytes.subarray(start + equals + 1, end),
    };
    start = end + 1;
  }
}

/** Printable ASCII only: it goes to terminals. */
function text(bytes: Uint8Array): string {
  if (bytes.some((byte) => byte < 0x20 || byte > 0x7e))
    throw new UapiError('the answer of the interface has a character that is not ASCII');
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

function integer(value: Uint8Array, max: bigint): bigint {
  const digits = value.length <= 20 ? text(value) : '';
  const number = /^\d+$/.test(digits) ? BigInt(digits) : undefined;
  if (number === undefined || number > max)
    throw new UapiError('the answer of the interface has a number that is out of range');
  return number;
}

function unhex(value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(KEY_LENGTH);
  const isKey = value.length === 2 * KEY_LENGTH;
  for (let i = 0; i < KEY_LENGTH; i++) {
    const high = nibble(value[2 * i]);
    const low = nibble(value[2 * i + 1]);
    if (!isKey || high === undefined || low === undefined) {
      bytes.fill(0);
      throw new UapiError('the answer of the interface has a key that is not 64 digits');
    }
    bytes[i] = (high << 4) | low;
  }
  return bytes;
}

function nibble(digit: number | undefined): number | undefined {
  if (digit === undefined) return undefined;
  const lower = digit | 0x20;
  if (digit >= 0x30 && digit <= 0x39) return digit - 0x30;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : undefined;
}
