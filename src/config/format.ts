import type { Endpoint } from '../../protocol/dataplane.js';
import { formatPrefix } from '../../protocol/ip.js';
import { WgTsError } from '../../system/errors.js';
import { formatExcludedIp } from './exclude.js';
import { encodeKey } from './key.js';
import {
  type Config,
  type EndpointConfig,
  endpointsOf,
  hasPrivateKey,
  type InterfaceConfig,
  type PeerConfig,
} from './model.js';

/**
 * Returns the configuration as a file that parseConfig and wg-quick(8) read. The text contains the
 * private key and the preshared keys, so it is a secret itself: do not log it, and write it with mode
 * 0600.
 *
 * @throws WgTsError ERR_CONFIG for a text that does not fit on a line of the file, such as a command
 * with `#`.
 */
export function formatConfig(config: Config): string {
  return [formatInterface(config.interface), ...config.peers.map(formatPeer)].join('\n');
}

/** Returns `host:port`, with brackets around an IPv6 address. */
export function formatEndpoint({ host, port }: EndpointConfig): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Like `formatEndpoint`, for an endpoint of the device. */
export function formatDeviceEndpoint({ address, port }: Endpoint): string {
  return formatEndpoint({ host: address, port });
}

/** Returns the mark as wg(8) shows it. */
export function formatFwMark(fwMark: number): string {
  return `0x${fwMark.toString(16)}`;
}

function formatInterface(config: InterfaceConfig): string {
  const dns = [...config.dnsServers, ...config.dnsSearch];
  return [
    '[Interface]\n',
    hasPrivateKey(config) ? line('PrivateKey', encodeKey(config.privateKey.expose())) : '',
    config.listenPort ? line('ListenPort', String(config.listenPort)) : '',
    config.fwMark ? line('FwMark', formatFwMark(config.fwMark)) : '',
    list('Address', config.addresses.map(formatPrefix)),
    list('DNS', dns),
    config.mtu === undefined ? '' : line('MTU', String(config.mtu)),
    config.probesMtu ? line('MTU', 'probe') : '',
    config.table === 'auto' ? '' : line('Table', String(config.table)),
    ...config.preUp.map((command) => line('PreUp', command)),
    ...config.postUp.map((command) => line('PostUp', command)),
    ...config.preDown.map((command) => line('PreDown', command)),
    ...config.postDown.map((command) => line('PostDown', command)),
    config.saveConfig ? line('SaveConfig', 'true') : '',
    config.killSwitch ? line('KillSwitch', 'true') : '',
    config.reresolveInterval ? line('ReresolveInterval', String(config.reresolveInterval)) : '',
    config.metrics ? line('Metrics', formatEndpoint(config.metrics)) : '',
  ].join('');
}

function formatPeer(peer: PeerConfig): string {
  return [
    '[Peer]\n',
    line('PublicKey', encodeKey(peer.publicKey)),
    peer.presharedKey ? line('PresharedKey', encodeKey(peer.presharedKey.expose())) : '',
    list('AllowedIPs', (peer.writtenAllowedIps ?? peer.allowedIps).map(formatPrefix)),
    list('ExcludedIPs', (peer.excludedIps ?? []).map(formatExcludedIp)),
    list('Endpoint', endpointsOf(peer).map(formatEndpoint)),
    peer.persistentKeepalive ? line('PersistentKeepalive', String(peer.persistentKeepalive)) : '',
  ].join('');
}

function list(key: string, items: readonly string[]): string {
  return items.length > 0 ? line(key, items.join(', ')) : '';
}

function line(key: string, value: string): string {
  if (/[#\n\r\0]/.test(value))
    throw new WgTsError(
      'ERR_CONFIG',
      `${key}: a '#' or a line break cannot be written to the file`,
      {
        hint: 'put the command into a script and call the script here',
      },
    );
  return `${key} = ${value}\n`;
}
