/** Converts between the types of protocol/dataplane.ts and the structs of wg_ts.h. */
import type {
  AllowedIpsChange,
  DataPlaneEvent,
  Endpoint,
  Millis,
  PeerId,
  TransportKeypair,
} from '../protocol/dataplane.js';
import { formatIp, type IpPrefix, parseIp } from '../protocol/ip.js';
import { classifyHandshake } from '../protocol/messages.js';
import { zoneIndex, zoneName } from '../system/zone.js';
import { EventType, Layout, STATISTICS, type Statistics, Traffic } from './layout.js';

/** Returns a struct wg_ts_endpoint; undefined for an invalid address, or one whose zone does not exist. */
export function encodeEndpoint(endpoint: Endpoint): Uint8Array | undefined {
  const [text = '', zone] = endpoint.address.split('%');
  const address = parseIp(text);
  if (!address) return undefined;
  const scope = zone === undefined ? 0 : zoneIndex(zone);
  if (zone !== undefined && scope === 0) return undefined;
  const bytes = new Uint8Array(Layout.endpoint.size);
  const view = new DataView(bytes.buffer);
  view.setUint16(Layout.endpoint.family, address.length === 4 ? 4 : 6, true);
  view.setUint16(Layout.endpoint.port, endpoint.port, true);
  view.setUint32(Layout.endpoint.scope, scope, true);
  bytes.set(address, Layout.endpoint.address);
  return bytes;
}

export function decodeEndpoint(bytes: Uint8Array): Endpoint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const port = view.getUint16(Layout.endpoint.port, true);
  const scope = view.getUint32(Layout.endpoint.scope, true);
  const length = view.getUint16(Layout.endpoint.family, true) === 4 ? 4 : 16;
  const start = Layout.endpoint.address;
  const address = formatIp(bytes.slice(start, start + length));
  return { address: scope === 0 ? address : `${address}%${zoneName(scope)}`, port };
}

/** Encodes removals first, so that a prefix in both lists is there afterwards. */
export function encodePrefixes(change: AllowedIpsChange): Uint8Array {
  const all = [
    ...change.remove.map((prefix) => ({ prefix, remove: 1 })),
    ...change.add.map((prefix) => ({ prefix, remove: 0 })),
  ];
  const bytes = new Uint8Array(all.length * Layout.prefix.size);
  for (const [i, { prefix, remove }] of all.entries())
    encodePrefix(bytes.subarray(i * Layout.prefix.size), prefix, remove);
  return bytes;
}

function encodePrefix(bytes: Uint8Array, prefix: IpPrefix, remove: number): void {
  bytes.set(prefix.address, Layout.prefix.address);
  bytes[Layout.prefix.family] = prefix.address.length === 4 ? 4 : 6;
  bytes[Layout.prefix.length] = prefix.length;
  bytes[Layout.prefix.remove] = remove;
}

/** Returns a struct wg_ts_keypair. It contains the keys: to be zeroed after use. */
export function encodeKeypair(keypair: TransportKeypair, now: Millis): Uint8Array {
  const bytes = new Uint8Array(Layout.keypair.size);
  const view = new DataView(bytes.buffer);
  bytes.set(keypair.sendKey.expose(), Layout.keypair.sendKey);
  bytes.set(keypair.receiveKey.expose(), Layout.keypair.receiveKey);
  view.setUint32(Layout.keypair.localIndex, keypair.localIndex, true);
  view.setUint32(Layout.keypair.remoteIndex, keypair.remoteIndex, true);
  view.setUint32(Layout.keypair.isInitiator, keypair.isInitiator ? 1 : 0, true);
  view.setBigUint64(Layout.keypair.sendCounter, keypair.sendCounter ?? 0n, true);
  const age = Math.max(0, now - keypair.createdAt);
  view.setBigUint64(Layout.keypair.age, BigInt(Math.round(age * 1e6)), true);
  return bytes;
}

/** The decoded events of one drain. */
export interface DecodedEvents {
  readonly events: DataPlaneEvent[];
  /** errno if the interface is gone. */
  readonly tunError: number | undefined;
  readonly isTunCorrupt: boolean;
  readonly hasTraffic: boolean;
}

/** Decodes `count` events. `endpointOf` decodes an endpoint, and may remember more of it than its result. */
export function decodeEvents(
  bytes: Uint8Array,
  count: number,
  endpointOf: (bytes: Uint8Array) => Endpoint,
): DecodedEvents {
  const events: DataPlaneEvent[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let tunError: number | undefined;
  let isTunCorrupt = false;
  let hasTraffic = false;
  for (let i = 0; i < count; i++) {
    const at = i * Layout.event.size;
    const peer = view.getUint32(at + Layout.event.peer, true);
    const value = view.getUint32(at + Layout.event.value, true);
    const endpoint = (): Endpoint => {
      const start = at + Layout.event.endpoint;
      return endpointOf(bytes.slice(start, start + Layout.endpoint.size));
    };
    switch (view.getUint32(at + Layout.event.type, true)) {
      case EventType.handshake: {
        const start = at + Layout.event.message;
        const end = start + view.getUint32(at + Layout.event.length, true);
        const message = bytes.slice(start, end);
        const messageType = classifyHandshake(message);
        if (messageType) events.push({ type: 'handshake', messageType, message, from: endpoint() });
        break;
      }
      case EventType.needsHandshake:
        events.push({ type: 'needsHandshake', peer });
        break;
      case EventType.keyConfirmed:
        events.push({ type: 'keyConfirmed', peer, localIndex: value });
        break;
      case EventType.roamed:
        events.push({ type: 'roamed', peer, endpoint: endpoint() });
        break;
      case EventType.traffic:
        hasTraffic = true;
        events.push(...decodeTraffic(peer, value));
        break;
      case EventType.tunFailed:
        tunError = value;
        break;
      case EventType.tunCorrupt:
        isTunCorrupt = true;
        break;
    }
  }
  return { events, tunError, isTunCorrupt, hasTraffic };
}

/**
 * Returns one event per direction where sending came first: the timers of section 6 depend on which side
 * was last, and one event for both would be taken as receiving first.
 */
function decodeTraffic(peer: PeerId, bits: number): DataPlaneEvent[] {
  const sent = {
    dataSent: (bits & Traffic.dataSent) !== 0,
    keepaliveSent: (bits & Traffic.keepaliveSent) !== 0,
  };
  const received = {
    dataReceived: (bits & Traffic.dataReceived) !== 0,
    keepaliveReceived: (bits & Traffic.keepaliveReceived) !== 0,
  };
  const hasSent = sent.dataSent || sent.keepaliveSent;
  const hasReceived = received.dataReceived || received.keepaliveReceived;
  if (!hasSent || !hasReceived || (bits & Traffic.receivedLast) === 0)
    return [{ type: 'traffic', peer, ...sent, ...received }];
  const noneSent = { dataSent: false, keepaliveSent: false };
  const noneReceived = { dataReceived: false, keepaliveReceived: false };
  return [
    { type: 'traffic', peer, ...sent, ...noneReceived },
    { type: 'traffic', peer, ...noneSent, ...received },
  ];
}

export function decodeStatistics(bytes: Uint8Array): Statistics {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries = STATISTICS.map((name, i) => [name, Number(view.getBigUint64(i * 8, true))]);
  return Object.fromEntries(entries) as Statistics;
}
