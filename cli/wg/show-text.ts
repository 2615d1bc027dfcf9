import { formatFwMark } from '../../src/config/format.js';
import type { PeerStatus } from '../../src/index.js';
import type { ShownInterface } from './shown.js';

/** The escape sequences of wg(8), which ends each with a full reset. */
const RESET = '\x1b[0m';
const SEQUENCES = {
  bold: '\x1b[1m',
  red: '\x1b[31m',
  green: '\x1b[32m',
  yellow: '\x1b[33m',
  cyan: '\x1b[36m',
} as const;

type Paint = (text: string, ...styles: readonly (keyof typeof SEQUENCES)[]) => string;

const plain: Paint = (text) => text;
const colored: Paint = (text, ...styles) =>
  styles.map((style) => SEQUENCES[style]).join('') + text + RESET;

/** Returns, byte for byte, what `wg show` prints. `now` is in Unix seconds. */
export function formatInterface(shown: ShownInterface, isColored: boolean, now: number): string {
  const paint = isColored ? colored : plain;
  const { publicKey, privateKey = '(hidden)', listenPort, fwMark } = shown;
  return [
    isColored ? RESET : '',
    `${paint('interface', 'green', 'bold')}: ${paint(shown.name, 'green')}\n`,
    ...(publicKey === undefined
      ? []
      : [row(paint, 'public key', publicKey), row(paint, 'private key', privateKey)]),
    listenPort === 0 ? '' : row(paint, 'listening port', String(listenPort)),
    fwMark === 0 ? '' : row(paint, 'fwmark', formatFwMark(fwMark)),
    ...shown.peers.map((peer) => {
      const presharedKey = shown.presharedKeys?.get(peer.publicKey) ?? '(hidden)';
      return `\n${formatPeer(peer, presharedKey, paint, now)}`;
    }),
  ].join('');
}

function row(paint: Paint, label: string, value: string): string {
  return `  ${paint(label, 'bold')}: ${value}\n`;
}

function formatPeer(peer: PeerStatus, presharedKey: string, paint: Paint, now: number): string {
  const { latestHandshake, rxBytes, txBytes, persistentKeepalive } = peer;
  const handshakeAt = Number(latestHandshake / 1_000_000_000n);
  const allowedIps = peer.allowedIps.map((prefix) => prefix.replace('/', paint('/', 'cyan')));
  const [received, sent] = [bytesText(rxBytes, paint), bytesText(txBytes, paint)];
  return [
    `${paint('peer', 'yellow', 'bold')}: ${paint(peer.publicKey, 'yellow')}\n`,
    peer.hasPresharedKey ? row(paint, 'preshared key', presharedKey) : '',
    peer.endpoint === undefined ? '' : row(paint, 'endpoint', peer.endpoint),
    row(paint, 'allowed ips', allowedIps.length > 0 ? allowedIps.join(', ') : '(none)'),
    handshakeAt === 0 ? '' : row(paint, 'latest handshake', agoText(now - handshakeAt, paint)),
    rxBytes === 0n && txBytes === 0n
      ? ''
      : row(paint, 'transfer', `${received} received, ${sent} sent`),
    persistentKeepalive === 0
      ? ''
      : row(paint, 'persistent keepalive', `every ${durationText(persistentKeepalive, paint)}`),
  ].join('');
}

function agoText(seconds: number, paint: Paint): string {
  if (seconds === 0) return 'Now';
  if (seconds > 0) return `${durationText(seconds, paint)} ago`;
  return `(${paint('System clock wound backward; connection problems may ensue.', 'red')})`;
}

const DURATIONS = [
  ['year', 365 * 24 * 3600],
  ['day', 24 * 3600],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
] as const;

/** `1 minute, 5 seconds` */
export function formatDuration(seconds: number): string {
  return durationText(seconds, plain);
}

function durationText(seconds: number, paint: Paint): string {
  const parts: string[] = [];
  let left = seconds;
  for (const [unit, length] of DURATIONS) {
    const count = Math.floor(left / length);
    left %= length;
    if (count > 0) parts.push(`${count} ${paint(count === 1 ? unit : `${unit}s`, 'cyan')}`);
  }
  return parts.join(', ');
}

const UNITS = ['KiB', 'MiB', 'GiB', 'TiB'] as const;

/** `1.21 KiB`, rounded as printf does: to nearest, ties to even. */
export function formatBytes(bytes: bigint): string {
  return bytesText(bytes, plain);
}

function bytesText(bytes: bigint, paint: Paint): string {
  if (bytes < 1024n) return `${bytes} ${paint('B', 'cyan')}`;
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
  return `${hundredths / 100n}.${fraction} ${paint(UNITS[unit] ?? '', 'cyan')}`;
}
