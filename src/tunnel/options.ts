import type { Clock } from '../../system/clock.js';
import type { Tun } from '../../tun/tun.js';
import type { UdpOptions } from '../../udp/open.js';
import type { OwnTransport } from '../../udp/own.js';
import type { Resolver } from '../control/endpoints/resolve.js';
import type { PlaneOptions } from '../dataplane/choice.js';
import type { Logger } from '../logger.js';
import type { MetricsAddress } from '../metrics/model.js';

/** How a tunnel is brought up. */
export interface TunnelOptions extends PlaneOptions {
  /** Of the interface: 1 to 15 of the characters a-z A-Z 0-9 _ = + . - */
  readonly name: string;
  /** By default `defaultLogger` of the interface's name. */
  readonly logger?: Logger;
  /**
   * What time it is, and who wakes the tunnel; by default the system's clock and timers. The native data
   * plane ends keys by the system's clock in any case.
   */
  readonly clock?: Clock;
  /**
   * Makes as many unpredictable bytes as it is asked for, at once; by default node:crypto's
   * `randomBytes`. Keys come from it: leave it away but for tests that have to be repeatable, or where
   * randomness comes from a device. Its bytes are copied. What is no Uint8Array of that length, or
   * throws, is refused: `connect` rejects, or the tunnel ends, with WgTsError ERR_USAGE.
   */
  readonly random?: (length: number) => Uint8Array;
  /** Finds the addresses of names in Endpoints; by default the system's lookup. */
  readonly resolver?: Resolver;
  /** How often a name server that does not answer is asked again. */
  readonly resolveRetries?: number;
  /** Gives up the bring-up, which then rejects with the signal's reason after undoing its steps. */
  readonly signal?: AbortSignal;
  /**
   * Packets come from and go to this device instead of an interface of the system's: then nothing of
   * the system's network is configured, no hook runs, and no privilege is needed. It is closed with
   * the tunnel, and when the bring-up fails.
   */
  readonly tun?: Tun;
  /**
   * Reconnects at once when the machine has another network or wakes from sleep; by default where the
   * interface is the system's.
   */
  readonly followNetwork?: boolean;
  /**
   * Carries the tunnel's datagrams instead of UDP sockets of the system's: a transport, or a function
   * that opens one on `port`, where 0 or absent is any. It goes with the portable data plane. A transport
   * keeps its port for good, where the function is called again for another ListenPort; it is closed
   * with the tunnel, and when the bring-up fails, and is good for one tunnel only.
   */
  readonly transport?: OwnTransport;
  /** Addresses to listen on. */
  readonly udp?: Pick<UdpOptions, 'ipv4Address' | 'ipv6Address' | 'ipv6'>;
  /** Where metrics are served by HTTP, as `serveMetrics` does; by default what the configuration says. */
  readonly metrics?: MetricsAddress;
  /**
   * PreUp, PostUp, PreDown and PostDown of the configuration run. Without, each is skipped with a
   * warning, as whoever wrote it may have fewer rights than this process.
   */
  readonly allowHooks?: boolean;
}
