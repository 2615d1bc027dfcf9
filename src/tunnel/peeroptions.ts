/** A peer in the form that a program passes. */
import { Secret } from '../../crypto/secret.js';
import type { PeerChange } from '../../protocol/device.js';
import { type IpPrefix, parsePrefix } from '../../protocol/ip.js';
import { WgTsError } from '../../system/errors.js';
import { decodeKey } from '../config/key.js';
import type { EndpointConfig } from '../config/model.js';
import { parseEndpoint } from '../config/values.js';

/** A peer to be added, or to be changed: then settings that are left out stay unchanged. */
export interface PeerOptions {
  /** Base64 as in a configuration, or 32 bytes. */
  readonly publicKey: string | Uint8Array;
  /** Base64, or 32 bytes, which the caller has to zero. */
  readonly presharedKey?: string | Secret;
  /** The complete list: `10.0.0.2/32`, `fd00::/64`. Each is moved here from the peer that has it. */
  readonly allowedIps?: readonly (string | IpPrefix)[];
  /** `vpn.example.com:51820`, `192.0.2.1:51820`, `[2001:db8::1]:51820`. */
  readonly endpoint?: string | EndpointConfig;
  /** Seconds, 0 to 65535; 0 is off. */
  readonly persistentKeepalive?: number;
}

export interface ReadPeer {
  readonly change: PeerChange;
  readonly endpoint: EndpointConfig | undefined;
  /** Zeroes the secrets that were decoded from text. */
  zero(): void;
}

/** Throws WgTsError ERR_USAGE, which names the wrong field and contains no secret. */
export function readPeer(options: PeerOptions): ReadPeer {
  const { persistentKeepalive, allowedIps } = options;
  const publicKey = readPublicKey(options.publicKey);
  const endpoint = options.endpoint === undefined ? undefined : readEndpoint(options.endpoint);
  if (persistentKeepalive !== undefined && !isInteger(persistentKeepalive, 0))
    throw wrong('persistentKeepalive', 'must be a whole number of seconds, 0 to 65535');
  const networks = allowedIps?.map(readPrefix);
  const presharedKey =
    typeof options.presharedKey === 'string'
      ? secretOf(options.presharedKey)
      : options.presharedKey;
  if (presharedKey && presharedKey.length !== 32) throw wrong('presharedKey', 'has 32 bytes');
  return {
    change: {
      publicKey,
      ...(presharedKey && { presharedKey }),
      ...(networks && { replaceAllowedIps: true, allowedIps: networks }),
      ...(persistentKeepalive !== undefined && { persistentKeepalive }),
    },
    endpoint,
    zero: () => {
      if (presharedKey !== options.presharedKey) presharedKey?.zero();
    },
  };
}

/** Returns 32 bytes. Throws WgTsError ERR_USAGE. */
export function readPublicKey(key: string | Uint8Array): Uint8Array {
  const bytes = typeof key === 'string' ? decodeKey(key) : key;
  if (bytes instanceof Uint8Array && bytes.length === 32) return Uint8Array.from(bytes);
  throw wrong('publicKey', 'must be a key of 32 bytes, or its 44 characters of base64');
}

function secretOf(text: string): Secret {
  const bytes = decodeKey(text);
  if (!bytes) throw wrong('presharedKey', 'must be a key of 44 characters of base64');
  return Secret.take(bytes);
}

function readPrefix(network: string | IpPrefix): IpPrefix {
  if (typeof network !== 'string') {
    const { address, length } = network;
    const isIp = address instanceof Uint8Array && [4, 16].includes(address.length);
    if (isIp && Number.isInteger(length) && length >= 0 && length <= address.length * 8)
      return { address: Uint8Array.from(address), length };
    throw wrong('allowedIps', 'has an entry that is not a network');
  }
  const prefix = parsePrefix(network);
  if (prefix) return prefix;
  throw wrong('allowedIps', `has ${JSON.stringify(network)}, which is not a network`);
}

function readEndpoint(endpoint: string | EndpointConfig): EndpointConfig {
  if (typeof endpoint !== 'string') {
    const { host, port } = endpoint;
    if (typeof host === 'string' && host !== '' && isInteger(port, 1)) return { host, port };
    throw wrong('endpoint', 'needs a host and a port of 1 to 65535');
  }
  let problem = 'is not HOST:PORT';
  const parsed = parseEndpoint(endpoint, (message) => {
    problem = message;
  });
  if (parsed) return parsed;
  throw wrong('endpoint', problem);
}

function isInteger(value: number, least: number): boolean {
  return Number.isInteger(value) && value >= least && value <= 65_535;
}

function wrong(what: string, why: string): WgTsError {
  return new WgTsError('ERR_USAGE', `the peer's ${what} ${why}`);
}
