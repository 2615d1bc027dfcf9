import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { eventually } from '../../support/waiting.js';
import { belongsToLink, Capture, trafficClassOf } from '../support/capture.js';
import { labTest, type Namespace } from '../support/lab.js';
import { describeSystem, isReference, TUNNEL } from '../support/requirements.js';
import { CLIENT_PORT, INNER, PORT, startPair } from '../support/topology.js';
import { ping } from '../support/traffic.js';

const PROBE: string = fileURLToPath(new URL('../support/udpprobe.mjs', import.meta.url));

/** Sends `payloads` from a new port and counts what comes back within a second. */
async function answersTo(
  from: Namespace,
  address: string,
  port: number,
  payloads: readonly Buffer[],
): Promise<number> {
  const hex = payloads.map((payload) => payload.toString('hex'));
  const output = await from.mustRun([process.execPath, PROBE, address, String(port), ...hex]);
  return Number(/answers=(\d+)/.exec(output)?.[1]);
}

/** A message of the right first bytes and of `length` bytes, random otherwise. */
function fake(type: number, length: number, reserved = 0): Buffer {
  const message = randomBytes(length);
  message.writeUInt8(type, 0);
  if (length >= 4) message.writeUIntLE(reserved, 1, 3);
  return message;
}

describeSystem('what is seen on the wire', [...TUNNEL, 'tcpdump'], () => {
  for (const outer of ['v4', 'v6'] as const)
    labTest(`is ciphertext in datagrams between both ports: ${outer}`, async ({ lab }) => {
      const pair = await startPair(lab, { outer, withPresharedKey: true });
      const { namespace, device } = pair.serverEnd;
      const onCable = await Capture.start(lab, namespace, device);
      const onTun = await Capture.start(lab, pair.client.namespace, pair.client.name);
      const marker = randomBytes(16);
      const options = { pattern: marker.toString('hex'), size: 400 };
      for (const address of [INNER.server.v4, INNER.server.v6])
        expect(await ping(pair.client.namespace, address, options)).toMatchObject({ received: 3 });
      const showsMarker = ({ ip }: { ip: Buffer }): boolean => ip.includes(marker);
      await eventually('what was pinged', 40_000, () => {
        const inside = onTun.packets().filter(showsMarker).length;
        // A handshake too, where each answer was waited for before the next ping.
        return inside >= 12 && onCable.datagrams().length >= 14;
      });
      await onCable.stop();
      await onTun.stop();
      expect(onTun.packets().filter(showsMarker)).toHaveLength(12);
      const packets = onCable.packets().filter(({ ip }) => !belongsToLink(ip));
      // On a veth a run of datagrams that were sent as one is seen as one.
      expect(packets.length).toBeGreaterThanOrEqual(8);
      expect(packets.filter(showsMarker)).toEqual([]);
      const datagrams = onCable.datagrams();
      expect(datagrams).toHaveLength(packets.length);
      for (const { sourcePort, destinationPort, payload } of datagrams) {
        expect([sourcePort, destinationPort].sort()).toEqual([PORT, CLIENT_PORT]);
        expect([1, 2, 4]).toContain(payload[0]);
        if (payload[0] === 4) expect(payload.length % 16).toBe(0);
      }
      if (isReference) return;
      const ours = datagrams.filter(({ sourcePort }) => sourcePort === CLIENT_PORT);
      const classes = ours.map(({ ip, payload }) => [payload[0] === 4, trafficClassOf(ip)]);
      expect(classes).toContainEqual([false, 0x88]);
      expect(classes).toContainEqual([true, 0]);
      expect(new Set(classes.map(String)).size).toBe(2);
    });

  labTest('a stranger gets no answer from our port', async ({ lab }) => {
    const pair = await startPair(lab, { initiator: 'server' });
    const { namespace, device } = pair.serverEnd;
    const capture = await Capture.start(lab, namespace, device, 'udp');
    expect(await ping(namespace, INNER.client.v4)).toMatchObject({ received: 3 });
    const initiation = await eventually('an initiation', 40_000, () =>
      capture.datagrams().find(({ payload }) => payload[0] === 1 && payload.length === 148),
    );
    const replay = Buffer.from(initiation.payload);
    const noise: Buffer[] = [
      ...[1, 16, 31, 64, 92, 148, 1400].map((length) => randomBytes(length)),
      ...[1, 2, 3, 4, 5, 255].map((type) => fake(type, 148)),
      fake(2, 92),
      fake(3, 64),
      fake(4, 32),
      fake(4, 1024),
      fake(1, 148, 0x010000),
      replay.subarray(0, 147),
      Buffer.concat([replay, Buffer.alloc(1)]),
      Buffer.from(replay).fill(0xff, 100, 101),
      replay,
      replay,
    ];
    expect(await answersTo(namespace, pair.clientEnd.v4, CLIENT_PORT, noise)).toBe(0);
    expect(await answersTo(namespace, pair.clientEnd.v6, CLIENT_PORT, noise)).toBe(0);
    const strange = capture
      .datagrams()
      .filter(
        ({ sourcePort, destinationPort }) => sourcePort === CLIENT_PORT && destinationPort !== PORT,
      );
    expect(strange).toEqual([]);
    expect((await pair.client.peer()).endpoint).toBe(`${pair.serverEnd.v4}:${PORT}`);
    expect(await ping(namespace, INNER.client.v4)).toMatchObject({ received: 3 });
  });

  labTest('the probe hears answers where there are some', async ({ lab }) => {
    const [a, b] = await lab.link(await lab.namespace('a'), await lab.namespace('b'));
    const echo = b.namespace.spawn([process.execPath, PROBE, 'echo', b.v4, '7']);
    await echo.says(/ready/);
    const payloads = [randomBytes(8), randomBytes(900)];
    expect(await answersTo(a.namespace, b.v4, 7, payloads)).toBe(2);
  });
});
