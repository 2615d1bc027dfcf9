import type { WatchedPeer, WatchState } from './history.js';
import { formatAge, formatRate, formatSize } from './units.js';

/** One line per peer, for files and pipes, after a line with the time. With `name` only that is watched. */
export function plainLines(state: WatchState, name?: string): readonly string[] {
  const time = new Date(Math.floor(state.time) * 1000).toISOString().replace('.000Z', 'Z');
  const peers = state.interfaces.flatMap((one) =>
    one.peers.length === 0
      ? [`${one.name} has no peers`]
      : one.peers.map((peer) => `${one.name} ${plainPeer(peer, state.time)}`),
  );
  const failures = state.failures.map((one) => `${one.name}: ${one.reason}`);
  const isNone = peers.length === 0 && failures.length === 0;
  return [time, ...failures, ...peers, ...(isNone ? [notUp(name)] : [])];
}

function notUp(name: string | undefined): string {
  return name === undefined ? 'no interface is up' : `${name} is not up`;
}

function plainPeer(peer: WatchedPeer, now: number): string {
  const { publicKey, endpoint = '(none)', latestHandshake, rxBytes, txBytes } = peer;
  const handshake = latestHandshake === 0 ? 'never' : `${formatAge(now - latestHandshake)} ago`;
  return [
    `${publicKey} ${endpoint}`,
    `receiving ${formatRate(peer.rxRates.at(-1))}`,
    `sending ${formatRate(peer.txRates.at(-1))}`,
    `received ${formatSize(rxBytes)}`,
    `sent ${formatSize(txBytes)}`,
    `handshake ${handshake}`,
  ].join(', ');
}

/** For `--json`: bytes, seconds, and bytes per second; values not known yet are null. */
export function watchJson(state: WatchState): object {
  return {
    time: Math.round(state.time * 1000) / 1000,
    seconds:
      state.elapsedSeconds === undefined ? null : Math.round(state.elapsedSeconds * 1000) / 1000,
    interfaces: state.interfaces.map(({ name, listenPort, dataPlane, peers }) => ({
      name,
      listenPort,
      ...(dataPlane !== undefined && { dataPlane }),
      peers: peers.map((peer) => ({
        publicKey: peer.publicKey,
        endpoint: peer.endpoint ?? null,
        latestHandshake: peer.latestHandshake,
        rxBytes: Number(peer.rxBytes),
        txBytes: Number(peer.txBytes),
        rxRate: roundedRate(peer.rxRates),
        txRate: roundedRate(peer.txRates),
      })),
    })),
    failures: state.failures,
  };
}

function roundedRate(rates: readonly number[]): number | null {
  const rate = rates.at(-1);
  return rate === undefined ? null : Math.round(rate);
}
