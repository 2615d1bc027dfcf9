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
  /** Name of the interface: 1 to 15 of the characters a-z A-Z 0-9 _ = + . - */
  readonly name: string;
  /** By default `defaultLogger` with the interface's name. */
  readonly logger?: Logger;
  /**
   * The clock and timers of the tunnel; by default the system's. The native data plane expires keys by
   * the system's clock in any case.
   */
  readonly clock?: Clock;
  /**
   * Returns the requested number of unpredictable bytes, synchronously; by default node:crypto's
   * `randomBytes`. Keys are made of them: set it only for tests that have to be repeatable, or where
   * randomness comes from a device. Its bytes are copied. When it throws, or returns anything but a
   * Uint8Array of that length, `connect` rejects, or the tunnel ends, with WgTsError ERR_USAGE.
   */
  readonly random?: (length: number) => Uint8Array;
  /** Resolves the host names of Endpoints; by default the system's lookup. */
  readonly resolver?: Resolver;
  /**
   * How often a name server that does not answer is asked again, for as long as no peer has an address
   * and all have an Endpoint. After that, names are looked up while the tunnel is up.
   */
  readonly resolveRetries?: number;
  /** Aborts the bring-up, which then rejects with the signal's reason after undoing its steps. */
  readonly signal?: AbortSignal;
  /**
   * Packets are exchanged with this device instead of a system interface: the system's network is not
   * configured, no hook runs, and no privilege is needed. It is closed with the tunnel, and when the
   * bring-up fails.
   */
  readonly tun?: Tun;
  /**
   * Reconnects at once when the machine's network changes or it wakes from sleep; by default where the
   * interface is the system's.
   */
  readonly followNetwork?: boolean;
  /**
   * Carries the tunnel's datagrams instead of the system's UDP sockets: a transport, or a function that
   * opens one on `port`, where 0 or absent is any. It requires the portable data plane. A transport
   * keeps its port, while the function is called again for another ListenPort. A transport is closed
   * with the tunnel, and when the bring-up fails, and serves one tunnel only.
   */
  readonly transport?: OwnTransport;
  /** Addresses to listen on. */
  readonly udp?: Pick<UdpOptions, 'ipv4Address' | 'ipv6Address' | 'ipv6'>;
  /**
   * Where metrics are served by HTTP, as by `serveMetrics`; by default the address in the
   * configuration.
   */
  readonly metrics?: MetricsAddress;
  /**
   * Runs PreUp, PostUp, PreDown and PostDown of the configuration. Without it each is skipped with a
   * warning, as the author of the file may have fewer rights than this process.
   */
  readonly allowHooks?: boolean;
}
