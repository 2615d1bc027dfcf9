import { Secret } from '../../crypto/secret.js';
import type { Endpoint } from '../../protocol/dataplane.js';
import type { PeerChange } from '../../protocol/device.js';
import { formatPrefix, type IpPrefix, parsePrefix } from '../../protocol/ip.js';
import { formatDeviceEndpoint } from '../config/format.js';
import { parseUapiEndpoint } from './addresses.js';
import type { DeviceChange } from './change.js';
import { integerOf, keyOf, Lines, linesOf, textOf, UapiError } from './lines.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type MutablePeer = Mutable<PeerChange & { allowedIps: IpPrefix[]; removeAllowedIps: IpPrefix[] }>;

/** Encodes the request set=1. It contains the keys of `change`: zero it once it is sent. */
export function encodeSet(change: DeviceChange): Uint8Array {
  const out = new Lines();
  out.text('set', 1);
  if (change.privateKey) out.key('private_key', change.privateKey.expose());
  if (change.listenPort !== undefined) out.text('listen_port', change.listenPort);
  if (change.fwMark !== undefined) out.text('fwmark', change.fwMark);
  if (change.replacePeers) out.text('replace_peers', 'true');
  for (const peer of change.peers) encodePeer(out, peer);
  return out.end();
}

function encodePeer(out: Lines, peer: PeerChange): void {
  out.key('public_key', peer.publicKey);
  if (peer.remove) out.text('remove', 'true');
  if (peer.updateOnly) out.text('update_only', 'true');
  if (peer.presharedKey) out.key('preshared_key', peer.presharedKey.expose());
  if (peer.endpoint) out.text('endpoint', formatDeviceEndpoint(peer.endpoint));
  if (peer.persistentKeepalive !== undefined)
    out.text('persistent_keepalive_interval', peer.persistentKeepalive);
  if (peer.replaceAllowedIps) out.text('replace_allowed_ips', 'true');
  for (const prefix of peer.removeAllowedIps ?? [])
    out.text('allowed_ip', `-${formatPrefix(prefix)}`);
  for (const prefix of peer.allowedIps ?? []) out.text('allowed_ip', formatPrefix(prefix));
}

/**
 * Parses a request set=1 up to its empty line, and checks every value in it, so that a change is
 * carried out as a whole or not at all. The caller zeroes `bytes`, and the secrets of the result.
 * Throws UapiError for a request that wg(8) would never send.
 */
export function parseSet(bytes: Uint8Array): DeviceChange {
  const peers: MutablePeer[] = [];
  const change: Mutable<DeviceChange> = { peers };
  try {
    let isFirst = true;
    for (const { key, value } of linesOf(bytes)) {
      const peer = peers.at(-1);
      if (isFirst) isFirst = false;
      else if (key === 'public_key')
        peers.push({ publicKey: keyOf(value), allowedIps: [], removeAllowedIps: [] });
      else if (peer) setPeerField(peer, key, value);
      else setDeviceField(change, key, value);
    }
    return change;
  } catch (error) {
    zeroChange(change);
    throw error;
  }
}

/** Zeroes the secrets of a change, also of one that is only partly parsed. */
export function zeroChange(change: {
  readonly privateKey?: Secret;
  readonly peers: readonly { readonly presharedKey?: Secret }[];
}): void {
  change.privateKey?.zero();
  for (const { presharedKey } of change.peers) presharedKey?.zero();
}

function setDeviceField(change: Mutable<DeviceChange>, key: string, value: Uint8Array): void {
  switch (key) {
    case 'private_key':
      change.privateKey?.zero();
      change.privateKey = Secret.take(keyOf(value));
      return;
    case 'listen_port':
      change.listenPort = Number(integerOf(value, 0xffffn));
      return;
    case 'fwmark':
      change.fwMark = Number(integerOf(value, 0xffff_ffffn));
      return;
    case 'replace_peers':
      change.replacePeers = isTrue(value);
      return;
    default:
      throw unknownKey();
  }
}

function setPeerField(peer: MutablePeer, key: string, value: Uint8Array): void {
  switch (key) {
    case 'remove':
      peer.remove = isTrue(value);
      return;
    case 'update_only':
      peer.updateOnly = isTrue(value);
      return;
    case 'preshared_key':
      peer.presharedKey?.zero();
      peer.presharedKey = Secret.take(keyOf(value));
      return;
    case 'endpoint':
      peer.endpoint = endpointOf(textOf(value));
      return;
    case 'persistent_keepalive_interval':
      peer.persistentKeepalive = Number(integerOf(value, 0xffffn));
      return;
    case 'replace_allowed_ips':
      peer.replaceAllowedIps = isTrue(value);
      return;
    case 'allowed_ip':
      addAllowedIp(peer, textOf(value));
      return;
    case 'protocol_version':
      if (textOf(value) !== '1') throw new UapiError('its protocol version is not 1');
      return;
    default:
      throw unknownKey();
  }
}

/** The last line for a network counts, whichever list it is in. */
function addAllowedIp(peer: MutablePeer, text: string): void {
  const isRemoval = text.startsWith('-');
  const written = text.replace(/^[+-]/, '');
  const prefix = written.length > LONGEST_PREFIX ? undefined : parsePrefix(written);
  if (!prefix) throw new UapiError('it has an allowed IP that is not a network');
  (isRemoval ? peer.removeAllowedIps : peer.allowedIps).push(prefix);
}

/** Length of the longest prefix: an IPv4-mapped IPv6 address with its length. */
const LONGEST_PREFIX = 49;

function endpointOf(text: string): Endpoint {
  const endpoint = parseUapiEndpoint(text);
  if (!endpoint) throw new UapiError('it has an endpoint that is not an IP address with a port');
  return endpoint;
}

function isTrue(value: Uint8Array): boolean {
  if (textOf(value) === 'true') return true;
  throw new UapiError('it has a flag that is not true');
}

function unknownKey(): UapiError {
  return new UapiError('it has an unknown key');
}
