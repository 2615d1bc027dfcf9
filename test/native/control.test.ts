/** What control may ask for besides the actions of the seam. */
import { constants } from 'node:os';
import { describe, expect, it, vi } from 'vitest';
import { loadNativeLibrary } from '../../native/binding.js';
import { bridgeTun } from '../../native/bridge.js';
import { NativeDataPlane, type NativeOptions } from '../../native/dataplane.js';
import { encodeOptions } from '../../native/options.js';
import { systemClock } from '../../system/clock.js';
import { MemoryTun } from '../../tun/memory.js';
import { openUdpQueues } from '../../udp/open.js';
import { LOCAL_INDEX, prefixes, REMOTE_INDEX, Remote } from '../conformance/remote.js';
import { ipPacket } from '../support/packets.js';
import { waitFor } from '../support/waiting.js';
import { whyNoNativeLibrary } from './library.js';

const here = whyNoNativeLibrary === undefined ? describe : describe.skip;
const MTU = 1420;
const PACKET = ipPacket('10.9.0.1', '10.9.0.2', 'out');
const ANSWER = ipPacket('10.9.0.2', '10.9.0.1', 'in');

const openQueues = () => openUdpQueues({ ipv4Address: '127.0.0.1', ipv6: false }, 1);

async function openSession(
  bindInterface: () => void = () => undefined,
  open: NativeOptions['open'] = openQueues,
) {
  const tun = new MemoryTun();
  const queues = await openQueues();
  const udp = { ...queues, bindInterface };
  const plane = new NativeDataPlane({
    library: loadNativeLibrary(),
    tun: bridgeTun(tun, () => undefined),
    udp,
    open,
    mtu: MTU,
    clock: systemClock(),
    logger: { debug() {} },
    onTunError: () => undefined,
  });
  const remote = await Remote.open({ port: udp.port, mtu: MTU });
  plane.apply({
    type: 'setPeer',
    peer: 1,
    endpoint: remote.endpoint,
    allowedIps: { replace: true, add: prefixes('10.9.0.2/32'), remove: [] },
  });
  plane.apply({
    type: 'installKeypair',
    peer: 1,
    keypair: {
      localIndex: LOCAL_INDEX,
      remoteIndex: REMOTE_INDEX,
      ...remote.install({}),
      isInitiator: true,
      createdAt: systemClock().now(),
    },
  });
  plane.start();
  return { plane, tun, remote, udp };
}

here(`a native plane${whyNoNativeLibrary ? ` (skipped: ${whyNoNativeLibrary})` : ''}`, () => {
  it('sends nothing over a family that is blocked, and counts it', async () => {
    const { plane, tun, remote } = await openSession();
    plane.bindInterface?.(4, undefined);
    tun.inject(PACKET);
    await waitFor(() => expect(plane.statistics()?.udpSendErrors).toBe(1));
    expect(plane.statistics()?.lastSendError).toBe(constants.errno.ENETUNREACH);
    plane.bindInterface?.(6, undefined);
    plane.bindInterface?.(4, 1);
    tun.inject(PACKET);
    await remote.datagrams(1);
    expect(remote.packets).toEqual([PACKET]);
    await plane.close();
    plane.bindInterface?.(4, undefined);
    remote.close();
  });

  it('sends nothing while its sockets cannot be bound to the interface', async () => {
    let isGone = true;
    const { plane, tun, remote } = await openSession(() => {
      if (isGone) throw new Error('no such interface');
    });
    plane.bindInterface?.(4, 5);
    tun.inject(PACKET);
    await waitFor(() => expect(plane.statistics()?.udpSendErrors).toBe(1));
    isGone = false;
    plane.bindInterface?.(4, 6);
    tun.inject(PACKET);
    await remote.datagrams(1);
    await plane.close();
    remote.close();
  });

  it('pads up to the current MTU', async () => {
    const { plane, tun, remote } = await openSession();
    const odd = ipPacket('10.9.0.1', '10.9.0.2', new Uint8Array(1281 - 20));
    tun.inject(odd);
    await remote.datagrams(1);
    plane.setMtu(1281);
    tun.inject(odd);
    await remote.datagrams(2);
    expect(remote.seen.map(({ length }) => length)).toEqual([32 + 1296, 32 + 1281]);
    await plane.close();
    plane.setMtu(1280);
    remote.close();
  });

  it('goes on with new sockets, which are closed with it', async () => {
    const bound: number[] = [];
    const next = await openQueues();
    const open = async () => ({ ...next, bindInterface: (_: 4 | 6, i: number) => bound.push(i) });
    const { plane, tun, remote, udp } = await openSession(undefined, open);
    plane.bindInterface?.(4, 3);
    tun.inject(PACKET);
    await remote.datagrams(1);
    const closed = [vi.spyOn(udp, 'close'), vi.spyOn(next, 'close')];
    expect(await plane.listen(0)).toBe(next.port);
    expect(plane.port).toBe(next.port);
    expect(bound).toEqual([3]);
    tun.inject(PACKET);
    await remote.datagrams(2);
    expect(remote.sources).toEqual([udp.port, next.port]);
    remote.sealAndSend(ANSWER);
    await waitFor(() => expect(tun.received).toEqual([ANSWER]));
    await plane.close();
    for (const close of closed) expect(close).toHaveBeenCalled();
    await expect(plane.listen(0)).rejects.toThrow(/has ended/);
    remote.close();
  });

  it('keeps its sockets when new ones do not fit', async () => {
    let broken = { port: 1, v4: [9999], v6: [], setMark() {}, close: vi.fn() };
    const { plane, tun, remote, udp } = await openSession(undefined, async () => broken);
    await expect(plane.listen(0)).rejects.toThrow('errno 9');
    broken = { ...broken, v4: [] };
    await expect(plane.listen(0)).rejects.toThrow(RangeError);
    expect(broken.close).toHaveBeenCalledTimes(2);
    expect(plane.port).toBe(udp.port);
    tun.inject(PACKET);
    await remote.datagrams(1);
    await plane.close();
    remote.close();
  });

  it('has no session to replace on Linux', async () => {
    const library = loadNativeLibrary();
    const tun = bridgeTun(new MemoryTun(), () => undefined);
    const udp = await openQueues();
    const options = encodeOptions({
      library,
      tun,
      udp,
      open: openQueues,
      mtu: MTU,
      clock: systemClock(),
      logger: { debug() {} },
      onTunError: () => undefined,
    });
    const device = library.open(options, new Uint8Array(4));
    expect(library.replaceSession(device, 1n)).toBe(constants.errno.EOPNOTSUPP);
    library.close(device);
    tun.close();
    await udp.close();
  });
});
