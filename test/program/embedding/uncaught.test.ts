/** A host that logs uncaught exceptions and goes on, while everything that it has given away throws. */
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { run } from '../../netns/support/process.js';
import { describeOnPlanes, LIBRARY } from './programs.js';

const PROGRAM = fileURLToPath(new URL('./programs/uncaught.mjs', import.meta.url));
const PACKETS = 300;

describeOnPlanes('a host that throws, %s', [], (plane) => {
  it('hears of each exception, and its tunnels lose neither a packet nor an event', async () => {
    const argv = [process.execPath, PROGRAM, LIBRARY, plane];
    const { code, stdout, stderr } = await run(argv, { timeoutMs: 50_000 });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { counts, events, uncaught, rekeyed, states } = JSON.parse(stdout);
    expect(counts).toEqual({ a: PACKETS, b: PACKETS });
    expect({ rekeyed, states }).toEqual({
      rekeyed: 'rekeyed',
      states: ['connected', 'connected'],
    });
    // Of both: closing and closed, the second handshake, some totals.
    expect(events.state).toBeGreaterThanOrEqual(4);
    expect(events.handshake).toBeGreaterThanOrEqual(2);
    expect(events.transfer).toBeGreaterThan(2);
    expect(uncaught).toMatchObject({
      'listener of state': events.state,
      'listener of handshake': events.handshake,
      'listener of transfer': events.transfer,
      consumer: PACKETS,
      interface: PACKETS / 3,
      timer: 10,
      immediate: 10,
      tick: 10,
      promise: 10,
    });
    expect(uncaught.logger).toBeGreaterThan(5);
  });
});
