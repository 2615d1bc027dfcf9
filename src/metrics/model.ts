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

/** A source of the state to serve, such as a `Tunnel`. */
export interface MetricsSource {
  /** Returns the current state. */
  status(): TunnelStatus;
}

/** Options of a metrics server. */
export interface MetricsOptions {
  /** The clock for the age of handshakes; by default the system's. */
  readonly clock?: Clock;
  /** By default `defaultLogger` with the interface's name. */
  readonly logger?: Logger;
}

/** A running metrics server, as started by `serveMetrics`. */
export interface MetricsServer {
  /** The address it listens at. */
  readonly address: MetricsAddress;
  /** Lets the process end although the server and its connections are open. */
  unref(): void;
  /** Ends all connections. */
  close(): Promise<void>;
}
