import { Secret } from '../../crypto/secret.js';
import { integerOf, keyOf, Lines, linesOf, textOf, UapiError } from './lines.js';

export { UapiError } from './lines.js';

/**
 * The state of an interface in the cross-platform userspace protocol of wg(8): `key=value` lines with
 * keys in hexadecimal, and an empty line at the end. `data_plane` is an extension of wg-ts, which wg(8)
 * ignores.
 */
export interface UapiDevice {
  /** 32 bytes; absent when not set. */
  readonly privateKey?: Secret;
  /** 0 is none. */
  readonly listenPort: number;
  /** 0 is none. */
  readonly fwMark: number;
  /** `native` or `portable`. */
  readonly dataPlane?: string;
  /** In the order in which they were added. */
  readonly peers: readonly UapiPeer[];
}

/** A peer with its preshared key. */
export interface UapiPeer {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 32 bytes; absent when there is none. */
  readonly presharedKey?: Secret;
  /** `192.0.2.1:51820`, `[2001:db8::1]:51820`. */
  readonly endpoint?: string;
  /** Unix nanoseconds; 0 is never. */
  readonly latestHandshake: bigint;
  /** Received from the peer. */
  readonly rxBytes: bigint;
  /** Sent to the peer. */
  readonly txBytes: bigint;
  /** Seconds; 0 is off. */
  readonly persistentKeepalive: number;
  /** `10.0.0.0/24`, `fd00::/64`. */
  readonly allowedIps: readonly string[];
}

const NANOS = 1_000_000_000n;

/**
 * Encodes the answer to get=1. It contains the private key and the preshared keys: zero it once it is
 * sent.
 */
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

/** Encodes the answer to set=1. `errno` is 0 or a negative number of errno.h, as wg(8) expects. */
export function encodeErrno(errno: number): Uint8Array {
  const out = new Lines();
  out.text('errno', errno);
  return out.end();
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Parses an answer to get=1 up to its empty line; unknown keys are ignored. The caller zeroes `bytes`,
 * and the secrets of the result. Throws UapiError.
 */
export function parseGet(bytes: Uint8Array): UapiDevice {
  const peers: Mutable<UapiPeer & { allowedIps: string[] }>[] = [];
  const device: Mutable<UapiDevice> = { listenPort: 0, fwMark: 0, peers };
  try {
    for (const { key, value } of linesOf(bytes)) {
      if (key === 'errno') {
        refuseErrno(value);
        return device;
      }
      const peer = peers.at(-1);
      if (key === 'public_key') peers.push(newPeer(keyOf(value)));
      else if (peer) setPeerField(peer, key, value);
      else setDeviceField(device, key, value);
    }
    throw new UapiError('the answer of the interface is cut off');
  } catch (error) {
    zeroSecrets(device);
    throw error;
  }
}

/** Parses an answer to set=1. Throws UapiError unless it is errno=0. */
export function checkErrno(bytes: Uint8Array): void {
  for (const { key, value } of linesOf(bytes)) {
    if (key !== 'errno') continue;
    refuseErrno(value);
    return;
  }
  throw new UapiError('the answer of the interface is cut off');
}

/** The signs differ: wireguard-go sends positive numbers for get=1 and negative ones for set=1. */
function refuseErrno(value: Uint8Array): void {
  const digits = value[0] === MINUS ? value.subarray(1) : value;
  const errno = Number(integerOf(digits, 0x7fff_ffffn));
  if (errno !== 0) throw new UapiError(`the interface answers with error ${errno}`, errno);
}

const MINUS = 0x2d;

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
    device.privateKey = Secret.take(keyOf(value));
  } else if (key === 'listen_port') device.listenPort = Number(integerOf(value, 0xffffn));
  else if (key === 'fwmark') device.fwMark = Number(integerOf(value, 0xffff_ffffn));
  else if (key === 'data_plane') device.dataPlane = textOf(value);
}

function setPeerField(
  peer: Mutable<UapiPeer & { allowedIps: string[] }>,
  key: string,
  value: Uint8Array,
): void {
  const uint64 = (): bigint => integerOf(value, 0xffff_ffff_ffff_ffffn);
  if (key === 'preshared_key') {
    const psk = keyOf(value);
    // All zeros mean none.
    if (psk.some((byte) => byte !== 0)) peer.presharedKey = Secret.take(psk);
  } else if (key === 'endpoint') peer.endpoint = textOf(value);
  else if (key === 'allowed_ip') peer.allowedIps.push(textOf(value));
  else if (key === 'persistent_keepalive_interval')
    peer.persistentKeepalive = Number(integerOf(value, 0xffffn));
  else if (key === 'last_handshake_time_sec')
    peer.latestHandshake += integerOf(value, 0x7fff_ffff_ffff_ffffn) * NANOS;
  else if (key === 'last_handshake_time_nsec')
    peer.latestHandshake += integerOf(value, 0x7fff_ffff_ffff_ffffn);
  else if (key === 'rx_bytes') peer.rxBytes = uint64();
  else if (key === 'tx_bytes') peer.txBytes = uint64();
}
