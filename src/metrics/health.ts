import { REJECT_AFTER_TIME } from '../../protocol/constants.js';
import type { Millis } from '../../protocol/dataplane.js';
import type { PeerStatus, TunnelStatus } from '../control/status.js';

/** What is wrong with a peer. Holds no secret. */
export interface PeerProblem {
  /** Base64. */
  readonly publicKey: string;
  readonly problem: string;
}

/** A time on both clocks: a tunnel that has slept has old handshakes by one of them only. */
export interface Moment {
  /** Monotonic milliseconds. */
  readonly now: Millis;
  /** Unix nanoseconds. */
  readonly wallNanos: bigint;
}

/** A key is used no longer than this. */
const FRESH_SECONDS = REJECT_AFTER_TIME / 1000;
/** With a keepalive, a new handshake starts at the first one after this time (REKEY_AFTER_TIME). */
const REKEY_SECONDS = 120;
/** Enough for a few handshake attempts, 5 seconds each (REKEY_TIMEOUT). */
const PATIENCE_MS = 10_000;
/** Older traffic needs no fresh handshake. */
const TRAFFIC_MS = REJECT_AFTER_TIME;

interface Watched {
  readonly txBytes: bigint;
  readonly sentAt: Millis | undefined;
  /** Since when packets have been sent to it without a valid key. */
  readonly unansweredSince: Millis | undefined;
}

/**
 * Judges the peers by their handshakes. A peer should have a fresh one when it has a keepalive and an
 * endpoint, or when something was sent to it in the last three minutes; otherwise it is idle and
 * healthy. It knows only the states passed to `look`: call it every few seconds.
 */
export class Health {
  #peers = new Map<string, Watched>();

  /** Records what was sent since the previous call. */
  look({ peers }: TunnelStatus, moment: Moment): void {
    this.#peers = new Map(
      peers.map((peer) => [peer.publicKey, watch(peer, this.#peers.get(peer.publicKey), moment)]),
    );
  }

  /** Returns the problems of the peers, based on the last call of `look`. */
  problems({ peers }: TunnelStatus, moment: Moment): readonly PeerProblem[] {
    return peers.flatMap((peer) => {
      const problem = problemOf(peer, this.#peers.get(peer.publicKey), moment);
      return problem === undefined ? [] : [{ publicKey: peer.publicKey, problem }];
    });
  }
}

function watch(peer: PeerStatus, past: Watched | undefined, moment: Moment): Watched {
  const { txBytes } = peer;
  const hasSent = past !== undefined && txBytes > past.txBytes;
  const sentAt = hasSent ? moment.now : past?.sentAt;
  const since = past?.unansweredSince;
  if (isFresh(peer, moment)) return { txBytes, sentAt, unansweredSince: undefined };
  return { txBytes, sentAt, unansweredSince: since ?? (hasSent ? moment.now : undefined) };
}

function problemOf(
  peer: PeerStatus,
  past: Watched | undefined,
  moment: Moment,
): string | undefined {
  if (isFresh(peer, moment)) return undefined;
  const age = ageSeconds(peer, moment);
  const what =
    age === undefined ? 'no handshake yet' : `no handshake for ${Math.floor(age)} seconds`;
  if (peer.persistentKeepalive > 0 && peer.endpoint !== undefined) return what;
  if (past?.sentAt === undefined || past.unansweredSince === undefined) return undefined;
  const isRecent = moment.now - past.sentAt <= TRAFFIC_MS;
  const isLong = moment.now - past.unansweredSince >= PATIENCE_MS;
  return isRecent && isLong ? `${what}, although something was sent` : undefined;
}

function isFresh(peer: PeerStatus, moment: Moment): boolean {
  const age = ageSeconds(peer, moment);
  if (age === undefined) return false;
  const { persistentKeepalive: keepalive } = peer;
  // A keepalive interval longer than the rekey interval delays the renewal of keys.
  const rare = keepalive === 0 ? 0 : REKEY_SECONDS + keepalive + PATIENCE_MS / 1000;
  return age <= Math.max(FRESH_SECONDS, rare);
}

/** Returns undefined when there was no handshake. */
function ageSeconds({ latestHandshake }: PeerStatus, { wallNanos }: Moment): number | undefined {
  if (latestHandshake === 0n) return undefined;
  return Number((wallNanos - latestHandshake) / 1_000_000n) / 1000;
}
