import { formatFwMark } from '../../src/config/format.js';
import { encodeKey } from '../../src/config/key.js';
import { wgEndpoint, wgPrefix } from '../../src/uapi/addresses.js';
import type { UapiDevice, UapiPeer } from '../../src/uapi/codec.js';

/**
 * Returns, byte for byte, what `wg showconf` prints. The text contains the private key and the preshared
 * keys, so it is itself a secret.
 */
export function formatShowconf({ privateKey, listenPort, fwMark, peers }: UapiDevice): string {
  return [
    '[Interface]\n',
    listenPort === 0 ? '' : `ListenPort = ${listenPort}\n`,
    fwMark === 0 ? '' : `FwMark = ${formatFwMark(fwMark)}\n`,
    privateKey ? `PrivateKey = ${encodeKey(privateKey.expose())}\n` : '',
    '\n',
    peers.map(formatPeer).join('\n'),
  ].join('');
}

function formatPeer(peer: UapiPeer): string {
  const { publicKey, presharedKey, allowedIps, endpoint, persistentKeepalive } = peer;
  return [
    `[Peer]\nPublicKey = ${encodeKey(publicKey)}\n`,
    presharedKey ? `PresharedKey = ${encodeKey(presharedKey.expose())}\n` : '',
    allowedIps.length === 0 ? '' : `AllowedIPs = ${allowedIps.map(wgPrefix).join(', ')}\n`,
    endpoint === undefined ? '' : `Endpoint = ${wgEndpoint(endpoint)}\n`,
    persistentKeepalive === 0 ? '' : `PersistentKeepalive = ${persistentKeepalive}\n`,
  ].join('');
}
