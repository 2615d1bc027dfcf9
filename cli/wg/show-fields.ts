import type { Secret } from '../../crypto/secret.js';
import { formatFwMark } from '../../src/config/format.js';
import { encodeKey } from '../../src/config/key.js';
import { publicKeyOf } from '../../src/keys.js';
import { wgEndpoint, wgPrefix } from '../../src/uapi/addresses.js';
import type { UapiDevice, UapiPeer } from '../../src/uapi/codec.js';

type Cells = readonly (string | number | bigint)[];

const NONE = '(none)';

/** What `wg show INTERFACE FIELD` prints: lines of cells. Some fields contain secrets. */
const FIELDS: Readonly<Record<string, (device: UapiDevice) => readonly Cells[]>> = {
  'public-key': ({ privateKey }) => [[publicKeyText(privateKey)]],
  'private-key': ({ privateKey }) => [[secretText(privateKey)]],
  'listen-port': ({ listenPort }) => [[listenPort]],
  fwmark: ({ fwMark }) => [[fwMarkText(fwMark)]],
  peers: perPeer(() => []),
  'preshared-keys': perPeer(({ presharedKey }) => [secretText(presharedKey)]),
  endpoints: perPeer((peer) => [endpointText(peer)]),
  'allowed-ips': perPeer((peer) => [allowedIpsText(peer, ' ')]),
  'latest-handshakes': perPeer((peer) => [handshakeSeconds(peer)]),
  transfer: perPeer(({ rxBytes, txBytes }) => [rxBytes, txBytes]),
  'persistent-keepalive': perPeer((peer) => [keepaliveText(peer)]),
  dump: ({ privateKey, listenPort, fwMark, peers }) => [
    [secretText(privateKey), publicKeyText(privateKey), listenPort, fwMarkText(fwMark)],
    ...peers.map(dumpOfPeer),
  ],
};

/** In the order in which wg(8) lists them. */
export const FIELD_NAMES: readonly string[] = Object.keys(FIELDS);

/** With `all` each line begins with the name of the interface. Returns undefined for an unknown field. */
export function formatField(
  device: UapiDevice,
  field: string,
  all?: { readonly name: string },
): string | undefined {
  const cells = Object.hasOwn(FIELDS, field) ? FIELDS[field] : undefined;
  const prefix = all ? `${all.name}\t` : '';
  return cells?.(device)
    .map((line) => `${prefix}${line.join('\t')}\n`)
    .join('');
}

/** Peers in the order of the interface: wg(8) sorts them only in its human-readable output. */
function perPeer(cells: (peer: UapiPeer) => Cells): (device: UapiDevice) => readonly Cells[] {
  return ({ peers }) => peers.map((peer) => [encodeKey(peer.publicKey), ...cells(peer)]);
}

function dumpOfPeer(peer: UapiPeer): Cells {
  return [
    encodeKey(peer.publicKey),
    secretText(peer.presharedKey),
    endpointText(peer),
    allowedIpsText(peer, ','),
    handshakeSeconds(peer),
    peer.rxBytes,
    peer.txBytes,
    keepaliveText(peer),
  ];
}

function publicKeyText(privateKey: Secret | undefined): string {
  return privateKey ? encodeKey(publicKeyOf(privateKey)) : NONE;
}

function secretText(key: Secret | undefined): string {
  return key ? encodeKey(key.expose()) : NONE;
}

function fwMarkText(fwMark: number): string {
  return fwMark === 0 ? 'off' : formatFwMark(fwMark);
}

function endpointText({ endpoint }: UapiPeer): string {
  return endpoint === undefined ? NONE : wgEndpoint(endpoint);
}

function allowedIpsText({ allowedIps }: UapiPeer, separator: string): string {
  return allowedIps.length === 0 ? NONE : allowedIps.map(wgPrefix).join(separator);
}

function handshakeSeconds({ latestHandshake }: UapiPeer): bigint {
  return latestHandshake / 1_000_000_000n;
}

function keepaliveText({ persistentKeepalive }: UapiPeer): string | number {
  return persistentKeepalive === 0 ? 'off' : persistentKeepalive;
}
