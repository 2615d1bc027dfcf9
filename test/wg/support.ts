import { Secret } from '../../crypto/secret.js';
import { type IpPrefix, parsePrefix } from '../../protocol/ip.js';
import type { UapiDevice, UapiPeer } from '../../src/uapi/codec.js';

export function bytes(fill: number): Uint8Array {
  return new Uint8Array(32).fill(fill);
}

export function base64(fill: number): string {
  return Buffer.from(bytes(fill)).toString('base64');
}

export function secret(fill: number): Secret {
  return Secret.take(bytes(fill));
}

export function prefixes(...texts: readonly string[]): IpPrefix[] {
  return texts.flatMap((text) => parsePrefix(text) ?? []);
}

export function uapiPeer(fill: number, more: Partial<UapiPeer> = {}): UapiPeer {
  return {
    publicKey: bytes(fill),
    latestHandshake: 0n,
    rxBytes: 0n,
    txBytes: 0n,
    persistentKeepalive: 0,
    allowedIps: [],
    ...more,
  };
}

export function uapiDevice(more: Partial<UapiDevice> = {}): UapiDevice {
  return { listenPort: 0, fwMark: 0, peers: [], ...more };
}
