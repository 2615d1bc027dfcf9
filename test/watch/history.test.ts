import { describe, expect, it } from 'vitest';
import { History, MAX_RATES } from '../../cli/watch/history.js';
import type { PeerReading, Reading } from '../../cli/watch/reading.js';
import { KEY, NOW, OTHER_KEY } from './support.js';

function reading(at: number, ...peers: readonly Partial<PeerReading>[]): Reading {
  return {
    at,
    time: NOW + at / 1000,
    failures: [],
    interfaces: [
      {
        name: 'office',
        listenPort: 0,
        peers: peers.map((peer) => ({
          publicKey: KEY,
          latestHandshake: 0,
          rxBytes: 0n,
          txBytes: 0n,
          ...peer,
        })),
      },
    ],
  };
}

describe('History', () => {
  it('has no rate at first, and then bytes per second of the time that passed', () => {
    const history = new History();
    const first = history.add(reading(1000, { rxBytes: 100n, txBytes: 7n }));
    expect(first).not.toHaveProperty('elapsedSeconds');
    expect(first.interfaces[0]?.peers[0]).toMatchObject({ rxRates: [], txRates: [] });
    const second = history.add(reading(3000, { rxBytes: 500n, txBytes: 7n }));
    expect(second.elapsedSeconds).toBe(2);
    expect(second.interfaces[0]?.peers[0]).toMatchObject({ rxRates: [200], txRates: [0] });
    const third = history.add(reading(3500, { rxBytes: 500n, txBytes: 8n }));
    expect(third.interfaces[0]?.peers[0]).toMatchObject({ rxRates: [200, 0], txRates: [0, 2] });
  });

  it('counts beyond 2^53', () => {
    const history = new History();
    history.add(reading(0, { rxBytes: 2n ** 60n }));
    const { interfaces } = history.add(reading(1000, { rxBytes: 2n ** 60n + 3n }));
    expect(interfaces[0]?.peers[0]?.rxRates).toEqual([3]);
  });

  it.each([
    { rxBytes: 6n, txBytes: 10n },
    { rxBytes: 4n, txBytes: 1001n },
  ])('begins anew when an interface came up again', (lower) => {
    const history = new History();
    history.add(reading(0, { rxBytes: 5n, txBytes: 1000n }));
    const { interfaces } = history.add(reading(1000, lower));
    expect(interfaces[0]?.peers[0]).toMatchObject({ rxRates: [], txRates: [] });
  });

  it('forgets a peer that is gone, and knows peers apart', () => {
    const history = new History();
    history.add(reading(0, { rxBytes: 5n }, { publicKey: OTHER_KEY, rxBytes: 50n }));
    history.add(reading(1000, { publicKey: OTHER_KEY, rxBytes: 60n }));
    const { interfaces } = history.add(
      reading(2000, { rxBytes: 7n }, { publicKey: OTHER_KEY, rxBytes: 80n }),
    );
    expect(interfaces[0]?.peers.map(({ rxRates }) => rxRates)).toEqual([[], [10, 20]]);
  });

  it('keeps what can be seen, and no more', () => {
    const history = new History();
    let last = history.add(reading(0));
    for (let i = 1; i <= 2 * MAX_RATES; i++)
      last = history.add(reading(i * 1000, { rxBytes: BigInt((i * (i + 1)) / 2) }));
    const rates = last.interfaces[0]?.peers[0]?.rxRates;
    expect(rates).toHaveLength(MAX_RATES);
    expect(rates?.at(-1)).toBe(2 * MAX_RATES);
  });
});
