import fc from 'fast-check';
import { createColors } from 'picocolors';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import type { WatchState } from '../../cli/watch/history.js';
import { drawWatch, type Size } from '../../cli/watch/table.js';
import { NOW, OTHER_KEY, oneInterface, peer, stateOf } from './support.js';

const PLAIN = createColors(false);

function draw(state: WatchState, size: Size, name?: string): string {
  const view = { state, intervalSeconds: 1, ...(name !== undefined && { name }) };
  return drawWatch(view, size, PLAIN).join('\n');
}

const TWO = stateOf([
  oneInterface([
    peer(),
    peer({
      publicKey: OTHER_KEY,
      endpoint: '[2001:db8:1234:5678:9abc:def0:1234:5678]:51820',
      latestHandshake: NOW - 200_000,
      rxRates: [],
      txRates: [],
    }),
  ]),
  oneInterface([], { name: 'home', listenPort: 0 }),
]);

describe('the table', () => {
  it('has what fits 80 columns', () => {
    expect(draw(TWO, { columns: 80, rows: 24 })).toBe(`\
wg-ts watch: 2 interfaces, 2 peers, every 1 s (q quits)

  PEER       ENDPOINT                 RECEIVING     SENDING  BOTH      HANDSHAKE
office  native data plane, port 51820
  hT3vKp8w…  198.51.100.7:51820      4.00 KiB/s     100 B/s      ▁▃▄█     1m 05s
  mR5yNb1s…  [2001:db8:1234:5678:9…           -           -               2d 07h
home  native data plane, no peers`);
  });

  it('has everything in 160', () => {
    expect(draw(TWO, { columns: 160, rows: 24 })).toBe(`\
wg-ts watch: 2 interfaces, 2 peers, every 1 s (q quits)

  PEER       ENDPOINT                                         RECEIVING                            SENDING                         RECEIVED      SENT  HANDSHAKE
office  native data plane, port 51820
  hT3vKp8w…  198.51.100.7:51820                              4.00 KiB/s                   ▁▂▄█     100 B/s                   ▁█▄█  1.18 MiB    1023 B     1m 05s
  mR5yNb1s…  [2001:db8:1234:5678:9abc:def0:1234:5678]:51820           -                                  -                         1.18 MiB    1023 B     2d 07h
home  native data plane, no peers`);
  });

  it('has the rates in 40', () => {
    expect(draw(TWO, { columns: 40, rows: 24 })).toBe(`\
wg-ts watch: 2 interfaces, 2 peers, eve…

  PEER             RECEIVING     SENDING
office  native data plane, port 51820
  hT3vKp8wZq1Xc…  4.00 KiB/s     100 B/s
  mR5yNb1sTq8Zf…           -           -
home  native data plane, no peers`);
  });

  it('says how many peers a low terminal hides', () => {
    const peers = Array.from({ length: 30 }, () => peer());
    const many = stateOf([oneInterface(peers), oneInterface(peers, { name: 'home' })]);
    const lines = draw(many, { columns: 80, rows: 10 }).split('\n');
    expect(lines).toHaveLength(10);
    expect(lines.at(-1)).toBe('… 55 more peers: enlarge the terminal');
    const fitting = draw(many, { columns: 80, rows: 65 });
    expect(fitting.split('\n')).toHaveLength(65);
    expect(fitting).not.toContain('…  more');
    expect(fitting).not.toContain('enlarge');
  });

  it('says what is not up, and what does not answer', () => {
    expect(draw(stateOf([]), { columns: 80, rows: 9 }, 'office')).toBe(
      'wg-ts watch: office, 0 peers, every 1 s (q quits)\noffice is not up: waiting',
    );
    const failures = [{ name: 'odd', reason: 'the interface does not answer' }];
    expect(draw(stateOf([], { failures }), { columns: 80, rows: 9 })).toContain(
      '\nodd: the interface does not answer',
    );
    expect(draw(stateOf([]), { columns: 80, rows: 9 })).toContain('no interface is up: waiting');
  });

  it.each([
    [180, false],
    [181, true],
  ])('a handshake of %d seconds ago is red: %s', (age, isRed) => {
    const state = stateOf([oneInterface([peer({ latestHandshake: NOW - age })])]);
    const view = { state, intervalSeconds: 1 };
    const lines = drawWatch(view, { columns: 80, rows: 24 }, createColors(true));
    expect(lines.at(-1)?.includes('\u001b[31m3m')).toBe(isRed);
    expect(lines.at(-1)).toMatch(/3m 0[01]s/);
  });

  it('is never larger than the terminal', () => {
    const anyPeer = fc.record({
      endpoint: fc.constantFrom('192.0.2.1:1', '[2001:db8:1:2:3:4:5:6]:65535', '(unknown)'),
      latestHandshake: fc.constantFrom(0, NOW - 1, NOW - 1e7),
      rxBytes: fc.bigInt(0n, 2n ** 64n - 1n),
      rxRates: fc.array(fc.double({ min: 0, max: 1e12, noNaN: true }), { maxLength: 60 }),
    });
    const sizes = fc.record({ columns: fc.integer({ min: 1, max: 250 }), rows: fc.nat(60) });
    fc.assert(
      fc.property(
        fc.array(anyPeer, { maxLength: 40 }),
        sizes,
        fc.boolean(),
        (peers, size, color) => {
          const state = stateOf([oneInterface(peers.map(peer))]);
          const lines = drawWatch({ state, intervalSeconds: 1 }, size, createColors(color));
          expect(lines.length).toBeLessThanOrEqual(size.rows);
          for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(size.columns);
        },
      ),
    );
  });
});
