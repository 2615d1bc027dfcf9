import { encodeKey, publicKeyOf } from '../index.js';
import type { UapiDevice, UapiPeer } from '../uapi/codec.js';
import type { Colors } from './output.js';

/** What `show` tells of an interface; holds no secret. */
export interface ShownInterface {
  readonly name: string;
  /** Base64; undefined for an interface without a private key. */
  readonly publicKey?: string;
  readonly listenPort: number;
  readonly fwMark: number;
  readonly dataPlane?: string;
  readonly peers: readonly ShownPeer[];
}

export interface ShownPeer extends Omit<UapiPeer, 'publicKey' | 'presharedKey'> {
  /** Base64. */
  readonly publicKey: string;
  readonly hasPresharedKey: boolean;
}

/** The peer heard from last comes first, as in wg(8). */
export function withoutSecrets(name: string, device: UapiDevice): ShownInterface {
  const { privateKey, listenPort, fwMark, dataPlane, peers } = device;
  return {
    name,
    ...(privateKey && { publicKey: encodeKey(publicKeyOf(privateKey)) }),
    listenPort,
    fwMark,
    ...(dataPlane !== undefined && { dataPlane }),
    peers: peers
      .map(({ presharedKey, publicKey, ...rest }) => ({
        ...rest,
        publicKey: encodeKey(publicKey),
        hasPresharedKey: presharedKey !== undefined,
      }))
      .toSorted(
        (a, b) =>
          Number(b.latestHandshake > a.latestHandshake) -
          Number(a.latestHandshake > b.latestHandshake),
      ),
  };
}

/** The look of `wg show`. `now` is in Unix seconds. */
export function formatInterface(shown: ShownInterface, colors: Colors, now: number): string {
  const { bold, green } = colors;
  const row = (label: string, value: string): string => `  ${bold(label)}: ${value}\n`;
  return [
    `${green(bold('interface'))}: ${green(shown.name)}\n`,
    ...(shown.publicKey === undefined
      ? []
      : [row('public key', shown.publicKey), row('private key', '(hidden)')]),
    shown.listenPort === 0 ? '' : row('listening port', String(shown.listenPort)),
    shown.fwMark === 0 ? '' : row('fwmark', `0x${shown.fwMark.toString(16)}`),
    ...shown.peers.map((peer) => `\n${formatPeer(peer, colors, now)}`),
  ].join('');
}

function formatPeer(peer: ShownPeer, colors: Colors, now: number): string {
  const { bold, cyan, yellow } = colors;
  const row = (label: string, value: string): string => `  ${bold(label)}: ${value}\n`;
  const { latestHandshake, rxBytes, txBytes, persistentKeepalive } = peer;
  const handshakeAt = Number(latestHandshake / 1_000_000_000n);
  const allowedIps = peer.allowedIps.map((prefix) => prefix.replace('/', cyan('/')));
  const [received, sent] = [formatBytes(rxBytes, colors), formatBytes(txBytes, colors)];
  return [
    `${yellow(bold('peer'))}: ${yellow(peer.publicKey)}\n`,
    peer.hasPresharedKey ? row('preshared key', '(hidden)') : '',
    peer.endpoint === undefined ? '' : row('endpoint', peer.endpoint),
    row('allowed ips', allowedIps.length > 0 ? allowedIps.join(', ') : '(none)'),
    handshakeAt === 0 ? '' : row('latest handshake', formatAgo(now - handshakeAt, colors)),
    rxBytes === 0n && txBytes === 0n ? '' : row('transfer', `${received} received, ${sent} sent`),
    persistentKeepalive === 0
      ? ''
      : row('persistent keepalive', `every ${formatDuration(persistentKeepalive, colors)}`),
  ].join('');
}

function formatAgo(seconds: number, colors: Colors): string {
  if (seconds === 0) return 'Now';
  if (seconds > 0) return `${formatDuration(seconds, colors)} ago`;
  return `(${colors.red('System clock wound backward; connection problems may ensue.')})`;
}

const DURATIONS = [
  ['year', 365 * 24 * 3600],
  ['day', 24 * 3600],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
] as const;

/** `1 minute, 5 seconds` */
export function formatDuration(seconds: number, colors: Colors): string {
  const parts: string[] = [];
  let left = seconds;
  for (const [unit, length] of DURATIONS) {
    const count = Math.floor(left / length);
    left %= length;
    if (count > 0) parts.push(`${count} ${colors.cyan(count === 1 ? unit : `${unit}s`)}`);
  }
  return parts.join(', ');
}

const UNITS = ['KiB', 'MiB', 'GiB', 'TiB'] as const;

/** `1.21 KiB`, rounded as printf does: to the nearest, and to the even one in the middle. */
export function formatBytes(bytes: bigint, colors: Colors): string {
  if (bytes < 1024n) return `${bytes} ${colors.cyan('B')}`;
  let size = 1024n;
  let unit = 0;
  while (bytes >= size * 1024n && unit < UNITS.length - 1) {
    size *= 1024n;
    unit++;
  }
  let hundredths = (bytes * 100n) / size;
  const rest = 2n * ((bytes * 100n) % size);
  if (rest > size || (rest === size && hundredths % 2n === 1n)) hundredths++;
  const fraction = String(hundredths % 100n).padStart(2, '0');
  return `${hundredths / 100n}.${fraction} ${colors.cyan(UNITS[unit] ?? '')}`;
}

/** For `--json`. */
export function toJson(shown: ShownInterface): object {
  const { name, publicKey, listenPort, fwMark, dataPlane, peers } = shown;
  return {
    name,
    publicKey: publicKey ?? null,
    listenPort,
    fwMark,
    ...(dataPlane !== undefined && { dataPlane }),
    peers: peers.map((peer) => ({
      publicKey: peer.publicKey,
      hasPresharedKey: peer.hasPresharedKey,
      endpoint: peer.endpoint ?? null,
      allowedIps: peer.allowedIps,
      latestHandshake: Number(peer.latestHandshake / 1_000_000_000n),
      rxBytes: Number(peer.rxBytes),
      txBytes: Number(peer.txBytes),
      persistentKeepalive: peer.persistentKeepalive,
    })),
  };
}
