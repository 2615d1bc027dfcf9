/**
 * node pump.ts RESULT PLANE DIRECTION SIZE SECONDS SOCKETS, under Wine: measures what a data plane moves
 * between the stand-in for Wintun and its sockets. Writes { packets, milliseconds } as JSON.
 *
 * `out`: the ring never runs empty, and sealed datagrams go to a socket that is never read. `in`: its port
 * is written to RESULT.port, for flood.mjs to send to; the packets that come out are counted.
 *
 * SOCKETS: `wine` for Wine's own sockets, or the path of a library whose sockets are winsock.c: then Wine's
 * network is not involved, and inbound datagrams were sealed and put into memory before.
 */
import { copyFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Secret } from '../../crypto/secret.js';
import { fastestProviders } from '../../native/providers.js';
import type { DataPlane, Endpoint } from '../../protocol/dataplane.js';
import { parsePrefix } from '../../protocol/ip.js';
import { TransportSession } from '../../protocol/transportsession.js';
import { choosePlane, type DataPlaneKind } from '../../src/dataplane/choice.js';
import { openPlane, openPlaneTun } from '../../src/dataplane/open.js';
import { PortableDataPlane } from '../../src/dataplane/portable.js';
import { systemClock } from '../../system/clock.js';
import { koffi, systemFolder } from '../../system/windows/libraries.js';
import { ipPacket } from '../../test/support/packets.js';
import { doublePath, WintunDouble } from '../../test/windows/support/wintundouble.js';
import { openWinsockQueues } from '../../udp/windows/winsock.js';
import { MemoryUdp } from './memoryudp.js';

const [result = '', plane = '', direction = '', size = '', seconds = '', sockets = ''] =
  process.argv.slice(2);
const hasNetwork = sockets === 'wine';
if (!hasNetwork) process.env['WG_TS_NATIVE_LIBRARY'] = sockets;

const LOOPBACK = '127.0.0.1';
const PEER = 1;
const MTU = 1420;
const IPV4_HEADER = 20;
const WARM_UP_MS = 1500;
/** The layout of a transport message, section 5.4.6. */
const TRANSPORT = 4;
const HEADER = 16;
const TAG = 16;
/** Number of datagrams in memory, how long they may take, and how often to check whether they are done. */
const FED = Number(size) < 500 ? 400_000 : 150_000;
const FED_MS = 30_000;
const POLL_MS = 2;
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const OURS = '10.9.0.1';
const THEIRS = '10.9.0.2';

const installed = `${systemFolder()}\\wintun.dll`;
copyFileSync(doublePath('wintun'), installed);
const double = new WintunDouble(installed);
const clock = systemClock();

const prefix = (text: string) => {
  const parsed = parsePrefix(text);
  if (!parsed) throw new Error(text);
  return parsed;
};

interface End {
  readonly name: string;
  readonly port: number;
  /** Keys are a repeated byte: no secrets are needed here. */
  join(to: Endpoint, theirs: string, send: number, receive: number, isInitiator: boolean): void;
  feed(datagrams: Uint8Array, stride: number): void;
  close(): Promise<void>;
}

const onTunError = (error: Error): void => {
  throw error;
};
const shared = { onTunError, logger: silent };

async function open(name: string, dataPlane: DataPlaneKind): Promise<End> {
  const choice = choosePlane({ dataPlane }, false);
  const tun = await openPlaneTun(choice, { ...shared, name, identity: name, own: undefined });
  const udp = { ipv4Address: LOOPBACK, ipv6: false };
  const crypto = fastestProviders();
  if (tun.kind === 'packets' && !hasNetwork) {
    const memory = new MemoryUdp();
    const portable = new PortableDataPlane({
      ...shared,
      tun: tun.tun,
      udp: memory,
      open: async () => memory,
      mtu: MTU,
      aead: crypto.aead,
      clock,
    });
    portable.start();
    return endOf(name, portable, 0, (datagrams, stride) => memory.feed(datagrams, stride));
  }
  const running = await openPlane({ ...shared, choice, tun, udp, mtu: MTU, crypto, clock });
  running.start();
  return endOf(name, running, running.port, (datagrams, stride) => {
    const feed = koffi().load(sockets).func('void bench_feed(void *, uint32_t, uint32_t)');
    feed(datagrams, datagrams.length / stride, stride);
  });
}

function endOf(name: string, dataPlane: DataPlane, port: number, feed: End['feed']): End {
  return {
    name,
    port,
    feed,
    join(endpoint, theirs, send, receive, isInitiator) {
      const allowedIps = { replace: true, add: [prefix(`${theirs}/32`)], remove: [] };
      dataPlane.apply({ type: 'setPeer', peer: PEER, endpoint, allowedIps });
      dataPlane.apply({
        type: 'installKeypair',
        peer: PEER,
        keypair: { ...keypair(send, receive), isInitiator, createdAt: clock.now() },
      });
    },
    close: () => dataPlane.close(),
  };
}

function keypair(send: number, receive: number) {
  return {
    localIndex: receive,
    remoteIndex: send,
    sendKey: Secret.take(new Uint8Array(32).fill(send)),
    receiveKey: Secret.take(new Uint8Array(32).fill(receive)),
  };
}

const packet = ipPacket(OURS, THEIRS, new Uint8Array(Number(size) - IPV4_HEADER));

async function measure(count: () => number): Promise<{ packets: number; milliseconds: number }> {
  await sleep(WARM_UP_MS);
  const [before, start] = [count(), performance.now()];
  await sleep(Number(seconds) * 1000);
  return { packets: count() - before, milliseconds: performance.now() - start };
}

async function out(dataPlane: DataPlaneKind) {
  const hole = hasNetwork
    ? await openWinsockQueues({ ipv4Address: LOOPBACK, ipv6: false })
    : undefined;
  const end = await open('Sender', dataPlane);
  end.join({ address: LOOPBACK, port: hole?.port ?? 9 }, THEIRS, 1, 2, true);
  double.flood(end.name, packet);
  const measured = await measure(() => double.counters(end.name).releasedPackets);
  double.flood(end.name, null);
  await end.close();
  await hole?.close();
  return measured;
}

/** Returns transport messages of one size, as the peer of the receiver would send them. */
function sealed(count: number): { datagrams: Uint8Array; stride: number } {
  const { aead } = fastestProviders();
  const keys = { ...keypair(1, 2), isInitiator: true, createdAt: clock.now() };
  const session = new TransportSession(aead, keys);
  const padded = new Uint8Array(Math.ceil(packet.length / 16) * 16);
  padded.set(packet);
  const stride = HEADER + padded.length + TAG;
  const datagrams = new Uint8Array(count * stride);
  const view = new DataView(datagrams.buffer);
  for (let at = 0; at < datagrams.length; at += stride) {
    const counter = session.takeCounter();
    view.setUint32(at, TRANSPORT, true);
    view.setUint32(at + 4, keys.remoteIndex, true);
    view.setBigUint64(at + 8, counter, true);
    session.seal(counter, padded, datagrams.subarray(at + HEADER, at + stride));
  }
  return { datagrams, stride };
}

async function fromMemory(dataPlane: DataPlaneKind) {
  const end = await open('Receiver', dataPlane);
  double.sink(end.name);
  end.join({ address: LOOPBACK, port: 9 }, OURS, 2, 1, false);
  const { datagrams, stride } = sealed(FED);
  await sleep(100);
  const start = performance.now();
  end.feed(datagrams, stride);
  let packets = 0;
  while (packets < FED && performance.now() - start < FED_MS) {
    await sleep(POLL_MS);
    packets = double.counters(end.name).sentPackets;
  }
  const milliseconds = performance.now() - start;
  await end.close();
  return { packets, milliseconds };
}

async function into(dataPlane: DataPlaneKind) {
  const end = await open('Receiver', dataPlane);
  double.sink(end.name);
  end.join({ address: LOOPBACK, port: 9 }, OURS, 2, 1, false);
  writeFileSync(`${result}.port`, String(end.port));
  const measured = await measure(() => double.counters(end.name).sentPackets);
  await end.close();
  return measured;
}

const dataPlane = plane as DataPlaneKind;
const way = direction === 'out' ? out : hasNetwork ? into : fromMemory;
const measured = await way(dataPlane);
writeFileSync(result, JSON.stringify(measured));
process.exit(0);
