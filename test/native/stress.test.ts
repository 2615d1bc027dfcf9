/**
 * Two native planes with several workers each, while control changes everything under their hands:
 * keys rotate, allowed IPs move, peers come and go, endpoints change. What arrives must be what was
 * sent, and the sanitizers, with which this runs too, must have nothing to say.
 */
import { randomBytes } from 'node:crypto';
import { closeSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { Secret } from '../../crypto/secret.js';
import { loadNativeLibrary } from '../../native/binding.js';
import { NativeDataPlane } from '../../native/dataplane.js';
import type { DataPlaneEvent, Endpoint } from '../../protocol/dataplane.js';
import { parsePrefix } from '../../protocol/ip.js';
import { systemClock } from '../../system/clock.js';
import { libc } from '../../system/linux/libc.js';
import { openUdpQueues } from '../../udp/open.js';
import { ipPacket } from '../support/packets.js';
import { waitFor } from '../support/waiting.js';
import { whyNoNativeLibrary } from './library.js';

const WORKERS = 4;
const PEERS = 20;
const ROUNDS = 300;
const MTU = 1420;
const UDP = 17;
const SETTLE_MS = 20_000;
const AF_UNIX = 1;
const SEQPACKET_NONBLOCK = 5 | 0o4000;

/** A plane whose queues are socket pairs, with the ends of the system in our hands. */
interface Host {
  readonly plane: NativeDataPlane;
  readonly queues: readonly number[];
  readonly port: number;
  readonly events: DataPlaneEvent[];
  readonly received: Set<string>;
}

async function openHost(): Promise<Host> {
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let i = 0; i < WORKERS; i++) {
    const pair = new Int32Array(2);
    expect(libc().socketpair(AF_UNIX, SEQPACKET_NONBLOCK, 0, new Uint8Array(pair.buffer))).toBe(0);
    ours.push(pair[0] as number);
    theirs.push(pair[1] as number);
  }
  const open = () => openUdpQueues({ ipv4Address: '127.0.0.1', ipv6: false }, WORKERS);
  const udp = await open();
  const events: DataPlaneEvent[] = [];
  const plane = new NativeDataPlane({
    library: loadNativeLibrary(),
    tun: {
      name: 'stress',
      descriptors: theirs,
      vnetHeader: false,
      takesTcpSegments: false,
      takesUdpSegments: false,
      close() {
        for (const fd of [...ours.splice(0), ...theirs.splice(0)]) closeSync(fd);
      },
    },
    udp,
    open,
    mtu: MTU,
    clock: systemClock(),
    logger: { debug() {} },
    onTunError: (errno) => {
      throw new Error(`errno ${errno}`);
    },
  });
  plane.onEvents((batch) => events.push(...batch));
  plane.start();
  return { plane, queues: ours, port: udp.port, events, received: new Set() };
}

const address = (side: number, peer: number): string => `10.${side}.0.${peer + 1}`;
const id = (peer: number, generation: number): number => generation * PEERS + peer + 1;

/** The peer `p` of each host is the other host, under its own pair of addresses. */
class Pair {
  readonly generations: number[] = Array.from({ length: PEERS }, () => 0);
  readonly hosts: readonly [Host, Host];
  #index = 0;
  readonly #written: [number, number] = [0, 0];

  constructor(hosts: readonly [Host, Host]) {
    this.hosts = hosts;
  }

  peerId(peer: number): number {
    return id(peer, this.generations[peer] as number);
  }

  add(peer: number): void {
    for (const [side, host] of this.hosts.entries()) {
      const other = this.hosts[1 - side] as Host;
      const prefix = parsePrefix(`${address(1 - side, peer)}/32`);
      if (!prefix) throw new Error('no prefix');
      const endpoint: Endpoint = { address: '127.0.0.1', port: other.port };
      const allowedIps = { replace: true, add: [prefix], remove: [] };
      host.plane.apply({ type: 'setPeer', peer: this.peerId(peer), endpoint, allowedIps });
    }
    this.rekey(peer);
  }

  remove(peer: number): void {
    for (const { plane } of this.hosts)
      plane.apply({ type: 'removePeer', peer: this.peerId(peer) });
    this.generations[peer] = (this.generations[peer] as number) + 1;
  }

  /** The first host is the initiator, so the second confirms by what it gets. */
  rekey(peer: number): void {
    const [up, down] = [randomBytes(32), randomBytes(32)];
    const indices = [++this.#index, ++this.#index] as const;
    for (const side of [1, 0]) {
      const [local, remote] = side === 0 ? indices : ([indices[1], indices[0]] as const);
      this.hosts[side]?.plane.apply({
        type: 'installKeypair',
        peer: this.peerId(peer),
        keypair: {
          localIndex: local,
          remoteIndex: remote,
          sendKey: Secret.copyOf(side === 0 ? up : down),
          receiveKey: Secret.copyOf(side === 0 ? down : up),
          isInitiator: side === 0,
          createdAt: systemClock().now(),
        },
      });
    }
    this.hosts[0].plane.apply({ type: 'sendKeepalive', peer: this.peerId(peer) });
  }

  /** A packet from one host to the other: of the peer's addresses, with a text in it. */
  send(side: 0 | 1, peer: number, text: string): void {
    const packet = ipPacket(address(side, peer), address(1 - side, peer), text);
    const queue = this.hosts[side].queues[peer % WORKERS] as number;
    expect(libc().write(queue, packet, packet.length)).toBe(packet.length);
    this.#written[side]++;
  }

  /**
   * Until both planes have taken up what was sent, and what they sent each other: when workers wait
   * for a processor, queues would fill up otherwise, and lose what is no fault of a plane.
   */
  async settle(): Promise<void> {
    for (const end = Date.now() + SETTLE_MS; ; await nextTurn()) {
      this.drain();
      const [a, b] = this.hosts.map(({ plane }) => plane.statistics());
      if (
        a?.tunReads === this.#written[0] &&
        b?.tunReads === this.#written[1] &&
        a.udpDatagramsReceived === b.udpDatagramsSent &&
        b.udpDatagramsReceived === a.udpDatagramsSent
      )
        return;
      if (Date.now() > end)
        throw new Error(`not settled: ${JSON.stringify([this.#written, a, b])}`);
    }
  }

  drain(): void {
    const buffer = new Uint8Array(65_535);
    for (const host of this.hosts)
      for (const queue of host.queues)
        for (;;) {
          const length = libc().read(queue, buffer, buffer.length);
          if (length <= 0) break;
          // Without a route for a moment, the sender gets an ICMP message.
          if (buffer[9] !== UDP) continue;
          host.received.add(Buffer.from(buffer.subarray(20, length)).toString());
        }
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));
const here = whyNoNativeLibrary === undefined ? describe : describe.skip;

here(`native planes${whyNoNativeLibrary ? ` (skipped: ${whyNoNativeLibrary})` : ''}`, () => {
  const open: Host[] = [];
  afterEach(async () => {
    for (const { plane } of open.splice(0)) await plane.close();
  });

  it('carry on while everything about their peers changes', async () => {
    open.push(await openHost(), await openHost());
    const pair = new Pair(open as [Host, Host]);
    for (let peer = 0; peer < PEERS; peer++) pair.add(peer);
    const sent = new Set<string>();
    for (let round = 0; round < ROUNDS; round++) {
      for (let peer = 0; peer < PEERS; peer++)
        for (const side of [0, 1] as const) {
          const text = `${round} from ${side} to ${peer}`;
          sent.add(text);
          pair.send(side, peer, text);
        }
      const peer = (round * 7) % PEERS;
      const { plane } = pair.hosts[(round % 2) as 0 | 1];
      if (round % 5 === 0) pair.rekey(peer);
      else if (round % 5 === 1) {
        pair.remove(peer);
        pair.add(peer);
      } else if (round % 5 === 2) plane.apply({ type: 'dropStaged', peer: pair.peerId(peer) });
      else if (round % 5 === 3) plane.transfer(pair.peerId(peer));
      else {
        const prefix = parsePrefix(`172.16.${round % 256}.0/24`);
        if (prefix)
          plane.apply({
            type: 'setPeer',
            peer: pair.peerId(peer),
            allowedIps: { replace: false, add: [prefix], remove: [] },
          });
      }
      await nextTurn();
      await pair.settle();
    }
    await nextTurn();
    pair.drain();
    for (const { received } of pair.hosts) {
      for (const text of received) expect(sent.has(text)).toBe(true);
      // Some are lost with the peers that were removed and the keys that changed under way.
      expect(received.size).toBeGreaterThan((sent.size / 2) * 0.8);
    }
    for (const host of pair.hosts) {
      const statistics = host.plane.statistics();
      expect(statistics?.udpSendErrors).toBe(0);
      expect(statistics?.tunWriteErrors).toBe(0);
      expect(statistics?.udpDatagramsReceived).toBeGreaterThan(ROUNDS);
    }
    expect(pair.hosts[1].events.some((e) => e.type === 'keyConfirmed')).toBe(true);
  });

  it('keep their memory while a stranger floods them with handshake messages', async () => {
    open.push(await openHost());
    const [host] = open as [Host];
    const openSockets = () => openUdpQueues({ ipv4Address: '127.0.0.1', ipv6: false }, 1);
    const udp = await openSockets();
    try {
      const message = randomBytes(148);
      message.set([1, 0, 0, 0]);
      const sender = new NativeDataPlane({
        library: loadNativeLibrary(),
        tun: fakeQueues(),
        udp,
        open: openSockets,
        mtu: MTU,
        clock: systemClock(),
        logger: { debug() {} },
        onTunError: () => undefined,
      });
      const to = { address: '127.0.0.1', port: host.port };
      // No turn of the event loop in between: nobody takes them out.
      const dropped = (): number => host.plane.statistics()?.droppedEvents ?? 0;
      // As many as it takes: of those that come while its workers have no processor some are lost.
      for (let i = 0; i < 5000 || (dropped() <= 1000 && i < 500_000); i++)
        sender.apply({ type: 'sendCookieReply', to, message });
      expect(dropped()).toBeGreaterThan(1000);
      await waitFor(() => {
        const handedUp = host.events.filter((e) => e.type === 'handshake').length;
        expect(handedUp).toBeGreaterThan(50);
        expect(handedUp + dropped()).toBe(host.plane.statistics()?.udpDatagramsReceived);
      });
      await sender.close();
    } finally {
      await udp.close();
    }
  });
});

/** Queues that nothing ever comes from. */
function fakeQueues(): ConstructorParameters<typeof NativeDataPlane>[0]['tun'] {
  const pair = new Int32Array(2);
  libc().socketpair(AF_UNIX, SEQPACKET_NONBLOCK, 0, new Uint8Array(pair.buffer));
  return {
    name: 'nothing',
    descriptors: [pair[0] as number],
    vnetHeader: false,
    takesTcpSegments: false,
    takesUdpSegments: false,
    close() {
      for (const fd of pair) closeSync(fd);
    },
  };
}
