import type { Clock } from '../clock.js';
import type { Logger } from '../logger.js';
import type { TunnelStatus } from '../status.js';

/** An IP address of this machine, IPv6 without brackets; port 0 is chosen by the system. */
export interface MetricsAddress {
  readonly host: string;
  readonly port: number;
}

/** A Tunnel is one. */
export interface MetricsSource {
  status(): TunnelStatus;
}

export interface MetricsOptions {
  readonly clock?: Clock;
  readonly logger?: Logger;
}

export interface MetricsServer {
  /** Where it listens. */
  readonly address: MetricsAddress;
  /** Ends all connections. */
  close(): Promise<void>;
}
