import { expect, it } from 'vitest';
import { plainLines, watchJson } from '../../cli/watch/plain.js';
import { KEY, NOW, oneInterface, peer, stateOf } from './support.js';

it('there is one line for each peer, without any escape sequence', () => {
  const { endpoint: _, ...unknown } = peer({ latestHandshake: 0, rxRates: [], txRates: [] });
  const state = stateOf([oneInterface([peer(), unknown]), oneInterface([], { name: 'home' })], {
    failures: [{ name: 'odd', reason: 'the interface does not answer' }],
  });
  expect(plainLines(state)).toEqual([
    '2026-01-02T03:04:05Z',
    'odd: the interface does not answer',
    `office ${KEY} 198.51.100.7:51820, receiving 4.00 KiB/s, sending 100 B/s, received 1.18 MiB, sent 1023 B, handshake 1m 05s ago`,
    `office ${KEY} (none), receiving -, sending -, received 1.18 MiB, sent 1023 B, handshake never`,
    'home has no peers',
  ]);
});

it('what is not up is reported', () => {
  expect(plainLines(stateOf([])).slice(1)).toEqual(['no interface is up']);
  expect(plainLines(stateOf([]), 'office').slice(1)).toEqual(['office is not up']);
});

it('programs get numbers', () => {
  const state = stateOf([oneInterface([peer({ rxRates: [], txRates: [1.6] })])]);
  expect(JSON.parse(JSON.stringify(watchJson(state)))).toEqual({
    time: NOW,
    seconds: 1,
    interfaces: [
      {
        name: 'office',
        listenPort: 51_820,
        dataPlane: 'native',
        peers: [
          {
            publicKey: KEY,
            endpoint: '198.51.100.7:51820',
            latestHandshake: NOW - 65,
            rxBytes: 1_234_567,
            txBytes: 1023,
            rxRate: null,
            txRate: 2,
          },
        ],
      },
    ],
    failures: [],
  });
});
