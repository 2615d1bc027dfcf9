import type { Clock } from '../../system/clock.js';
import type { TunnelStatus } from '../control/status.js';
import type { Logger } from '../logger.js';

/** An IP address of this machine, IPv6 without brackets; port 0 is chosen by the system. */
export interface MetricsAddress {
  /** `127.0.0.1`, `::1`. */
  readonly host: string;
  /** 0 to 65535. */
  readonly port: number;
}

/** A Tunnel is one. */
export interface MetricsSource {
  /** The state of now. */
  status(): TunnelStatus;
}

/** Of a server of metrics. */
export interface MetricsOptions {
  /** By which the age of handshakes is told; by default the system's. */
  readonly clock?: Clock;
  /** By default that of the interface's name. */
  readonly logger?: Logger;
}

/** What `serveMetrics` has begun. */
export interface MetricsServer {
  /** Where it listens. */
  readonly address: MetricsAddress;
  /** Neither it nor its connections keep the process alive any more. */
  unref(): void;
  /** Ends all connections. */
  close(): Promise<void>;
}
