import { expect } from 'vitest';
import { eventually } from '../../support/waiting.js';
import { Capture } from '../support/capture.js';
import { labTest } from '../support/lab.js';
import { describeSystem, TUNNEL } from '../support/requirements.js';
import { CLIENT_PORT, INNER, startPair } from '../support/topology.js';
import { ping } from '../support/traffic.js';

const KEEPALIVE_BYTES = 32;
const INITIATION_BYTES = 148;

describeSystem('PersistentKeepalive', [...TUNNEL, 'tcpdump'], () => {
  labTest('is sent every second without any traffic', async ({ lab }) => {
    const pair = await startPair(lab, { keepalive: 1 });
    const capture = await Capture.start(
      lab,
      pair.serverEnd.namespace,
      pair.serverEnd.device,
      `udp src port ${CLIENT_PORT}`,
    );
    const keepalives = await eventually('five keepalives', 30_000, () => {
      const seen = capture
        .datagrams()
        .filter((datagram) => datagram.payload.length === KEEPALIVE_BYTES);
      return seen.length >= 5 && seen;
    });
    expect(keepalives.every((keepalive) => keepalive.payload[0] === 4)).toBe(true);
    const [first, ...later] = keepalives.map((keepalive) => keepalive.time);
    later.reduce((before, time) => {
      expect(time - before).toBeGreaterThan(0.8);
      return time;
    }, first ?? 0);

    const lengths = new Set(capture.datagrams().map((datagram) => datagram.payload.length));
    lengths.delete(INITIATION_BYTES);
    expect([...lengths]).toEqual([KEEPALIVE_BYTES]);
  });

  labTest('sends nothing before there is data when it is off', async ({ lab }) => {
    const pair = await startPair(lab);
    const capture = await Capture.start(
      lab,
      pair.serverEnd.namespace,
      pair.serverEnd.device,
      'udp',
    );
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect(capture.datagrams()).toEqual([]);
    await ping(pair.client.namespace, INNER.server.v4);
    await eventually('a datagram', 40_000, () => capture.datagrams().length > 0);
  });
});
