import type { WatchedInterface, WatchedPeer, WatchState } from '../../cli/watch/history.js';

/** Unix seconds: 2026-01-02T03:04:05Z. */
export const NOW = 1_767_323_045;

export const KEY = 'hT3vKp8wZq1XcRy6MdLs9FbGnJ2aUe7WoYi4QxBt5Hk=';
export const OTHER_KEY = 'mR5yNb1sTq8ZfKw3XcLd6VgHj9PuEa2GoUi7YxQt4Bs=';

export function peer(changes: Partial<WatchedPeer> = {}): WatchedPeer {
  return {
    publicKey: KEY,
    endpoint: '198.51.100.7:51820',
    latestHandshake: NOW - 65,
    rxBytes: 1_234_567n,
    txBytes: 1_023n,
    rxRates: [0, 1024, 2048, 4096],
    txRates: [0, 100, 50, 100],
    ...changes,
  };
}

export function oneInterface(
  peers: readonly WatchedPeer[],
  changes: Partial<WatchedInterface> = {},
): WatchedInterface {
  return { name: 'office', listenPort: 51_820, dataPlane: 'native', peers, ...changes };
}

export function stateOf(
  interfaces: readonly WatchedInterface[],
  changes: Partial<WatchState> = {},
): WatchState {
  return { time: NOW, elapsedSeconds: 1, interfaces, failures: [], ...changes };
}
