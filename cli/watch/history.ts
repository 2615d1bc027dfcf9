import { LONGEST_GRAPH } from './layout.js';
import type { InterfaceReading, PeerReading, Reading } from './reading.js';

/** The state after a reading, with the rates computed from this and earlier readings. */
export interface WatchState {
  /** Unix seconds. */
  readonly time: number;
  /** The time that the current rates cover, since the previous reading; absent at the first one. */
  readonly elapsedSeconds?: number;
  readonly interfaces: readonly WatchedInterface[];
  readonly failures: Reading['failures'];
}

export interface WatchedInterface extends Omit<InterfaceReading, 'peers'> {
  readonly peers: readonly WatchedPeer[];
}

export interface WatchedPeer extends PeerReading {
  /** Bytes per second, the current rate last. */
  readonly rxRates: readonly number[];
  readonly txRates: readonly number[];
}

/** No graph shows more. */
export const MAX_RATES: number = LONGEST_GRAPH;

interface Past {
  readonly rxBytes: bigint;
  readonly txBytes: bigint;
  readonly rxRates: readonly number[];
  readonly txRates: readonly number[];
}

/** Computes rates from counters. Peers that are missing from a reading are forgotten. */
export class History {
  #at: number | undefined;
  #peers = new Map<string, Past>();

  add(reading: Reading): WatchState {
    const elapsed = this.#at === undefined ? undefined : (reading.at - this.#at) / 1000;
    const peers = new Map<string, Past>();
    const interfaces = reading.interfaces.map((one) => ({
      ...one,
      peers: one.peers.map((peer) => {
        const key = `${one.name} ${peer.publicKey}`;
        const watched = { ...peer, ...ratesOf(peer, this.#peers.get(key), elapsed) };
        peers.set(key, watched);
        return watched;
      }),
    }));
    this.#at = reading.at;
    this.#peers = peers;
    const { time, failures } = reading;
    const isRate = elapsed !== undefined && elapsed > 0;
    return { time, ...(isRate && { elapsedSeconds: elapsed }), interfaces, failures };
  }
}

function ratesOf(
  peer: PeerReading,
  past: Past | undefined,
  elapsed: number | undefined,
): Pick<Past, 'rxRates' | 'txRates'> {
  // The counters of an interface that was brought up again start from 0.
  const isNew = !past || peer.rxBytes < past.rxBytes || peer.txBytes < past.txBytes;
  if (isNew || elapsed === undefined || elapsed <= 0) return { rxRates: [], txRates: [] };
  const rate = (now: bigint, then: bigint): number => Number(now - then) / elapsed;
  return {
    rxRates: [...past.rxRates, rate(peer.rxBytes, past.rxBytes)].slice(-MAX_RATES),
    txRates: [...past.txRates, rate(peer.txBytes, past.txBytes)].slice(-MAX_RATES),
  };
}
