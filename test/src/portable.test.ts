import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { defaultProviders } from '../../crypto/providers.js';
import type { DataPlaneEvent, Endpoint } from '../../protocol/dataplane.js';
import { parsePrefix } from '../../protocol/ip.js';
import { PortableDataPlane } from '../../src/dataplane/portable.js';
import { MemoryTun } from '../../tun/memory.js';
import { sendFailed, type UdpHandlers, type UdpTransport } from '../../udp/transport.js';
import { ipPacket } from '../support/packets.js';
import { MemoryLogger, nextTurn, VirtualClock } from './support.js';

const FROM: Endpoint = { address: '192.0.2.1', port: 1 };

class FakeUdp implements UdpTransport {
  readonly implementation = 'fake';
  readonly port: number;
  readonly hasIpv6 = false;
  readonly counters = { sendErrors: 0, receiveErrors: 0 };
  readonly sent: Uint8Array[] = [];
  handlers: UdpHandlers | undefined;
  closes = 0;

  constructor(port = 1) {
    this.port = port;
  }

  start(handlers: UdpHandlers): void {
    this.handlers = handlers;
  }

  send(datagram: Uint8Array): void {
    this.sent.push(datagram.slice());
  }

  setMark(): void {}

  async close(): Promise<void> {
    this.closes++;
  }

  refuse(reason: string, to: Endpoint = FROM): void {
    this.handlers?.onSendError?.(sendFailed(to, reason), to);
  }
}

describe('PortableDataPlane', () => {
  let tun: MemoryTun;
  let udp: FakeUdp;
  let next: FakeUdp;
  let clock: VirtualClock;
  let logger: MemoryLogger;
  let plane: PortableDataPlane;
  let batches: (readonly DataPlaneEvent[])[];
  let tunErrors: Error[];

  beforeEach(() => {
    [tun, udp, next, clock, logger] = [
      new MemoryTun(),
      new FakeUdp(),
      new FakeUdp(2),
      new VirtualClock(),
      new MemoryLogger(),
    ];
    tunErrors = [];
    plane = new PortableDataPlane({
      tun,
      udp,
      open: async () => next,
      mtu: 1420,
      aead: defaultProviders().aead,
      clock,
      logger,
      onTunError: (error) => tunErrors.push(error),
    });
    batches = [];
    plane.onEvents((batch) => batches.push(batch));
  });
  afterEach(() => plane.close());

  const addPeer = (): void => {
    const all = parsePrefix('0.0.0.0/0');
    if (!all) throw new Error('no prefix');
    const allowedIps = { replace: true, add: [all], remove: [] };
    plane.apply({ type: 'setPeer', peer: 1, endpoint: FROM, allowedIps });
  };
  const handshake = (): Uint8Array => {
    const message = new Uint8Array(148);
    message[0] = 1;
    return message;
  };

  it('reads nothing before it is started', async () => {
    addPeer();
    tun.inject(ipPacket('10.0.0.1', '10.0.0.2', 'early'));
    await nextTurn();
    expect([batches, udp.handlers]).toEqual([[], undefined]);
    plane.start();
    await nextTurn();
    await nextTurn();
    expect(batches).toEqual([[{ type: 'needsHandshake', peer: 1 }]]);
  });

  it('reports the effects of an action, but not from within it', async () => {
    plane.start();
    addPeer();
    plane.apply({ type: 'sendKeepalive', peer: 1 });
    plane.apply({ type: 'sendKeepalive', peer: 1 });
    expect(batches).toEqual([]);
    await nextTurn();
    expect(batches).toEqual([[{ type: 'needsHandshake', peer: 1 }]]);
    plane.apply({ type: 'sendKeepalive', peer: 1 });
    await nextTurn();
    expect(batches).toHaveLength(2);
  });

  it('reports a batch of datagrams at its end', () => {
    plane.start();
    udp.handlers?.onDatagram(handshake(), FROM);
    udp.handlers?.onDatagram(handshake(), FROM);
    expect(batches).toEqual([]);
    udp.handlers?.onBatchEnd?.();
    expect(batches.map((batch) => batch.map(({ type }) => type))).toEqual([
      ['handshake', 'handshake'],
    ]);
  });

  it('logs each reason why datagrams are not sent at most once a minute', () => {
    plane.start();
    const lines = (): number => logger.lines.length;
    for (let i = 0; i < 50; i++) udp.refuse('ENETUNREACH');
    expect(logger.lines).toEqual(['debug: cannot send to 192.0.2.1 port 1: ENETUNREACH']);
    udp.refuse('EPERM');
    expect(lines()).toBe(2);
    clock.advance(59_999);
    udp.refuse('ENETUNREACH');
    expect(lines()).toBe(2);
    clock.advance(1);
    udp.refuse('ENETUNREACH');
    udp.refuse('ENETUNREACH');
    expect(lines()).toBe(3);
  });

  it('remembers only so many reasons', () => {
    plane.start();
    for (let port = 1; port <= 1000; port++) udp.refuse('EPERM', { ...FROM, port });
    expect(logger.lines).toHaveLength(1000);
    udp.refuse('EPERM', { ...FROM, port: 1000 });
    expect(logger.lines).toHaveLength(1000);
  });

  it('reports when the interface is gone', async () => {
    plane.start();
    const error = new Error('gone');
    tun.fail(error);
    await nextTurn();
    expect(tunErrors).toEqual([error]);
  });

  it('goes on with new sockets, and closes the old ones', async () => {
    plane.start();
    expect(await plane.listen(0)).toBe(2);
    expect([plane.port, udp.closes, next.closes]).toEqual([2, 1, 0]);
    next.handlers?.onDatagram(handshake(), FROM);
    next.handlers?.onBatchEnd?.();
    expect(batches).toHaveLength(1);
    await plane.close();
    expect([udp.closes, next.closes]).toEqual([1, 1]);
  });

  it('keeps its sockets when the new ones do not start', async () => {
    plane.start();
    vi.spyOn(next, 'start').mockImplementation(() => {
      throw new Error('no start');
    });
    await expect(plane.listen(0)).rejects.toThrow('no start');
    expect([plane.port, udp.closes, next.closes]).toEqual([1, 0, 1]);
  });

  it('no longer listens after its end', async () => {
    await plane.close();
    await expect(plane.listen(0)).rejects.toThrow('has ended');
    expect([udp.closes, next.closes]).toEqual([1, 1]);
  });

  it('closes interface and sockets once, and reports nothing more', async () => {
    plane.start();
    addPeer();
    plane.apply({ type: 'sendKeepalive', peer: 1 });
    await Promise.all([plane.close(), plane.close()]);
    expect([tun.closed, udp.closes]).toEqual([true, 1]);
    udp.handlers?.onDatagram(handshake(), FROM);
    udp.handlers?.onBatchEnd?.();
    await nextTurn();
    expect(batches).toEqual([]);
  });
});
