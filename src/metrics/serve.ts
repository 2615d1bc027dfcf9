import { systemClock } from '../../system/clock.js';
import { defaultLogger } from '../logger.js';
import type { MetricsAddress, MetricsOptions, MetricsServer, MetricsSource } from './model.js';

/**
 * Serves a tunnel's state by HTTP until it is closed: `/metrics` for Prometheus, and `/healthz`, which
 * answers 200, or 503 when a peer that has a keepalive or is sent to has no fresh handshake. The output
 * contains no secret; an address other than loopback causes a warning. Close it before the tunnel goes
 * down; the option `metrics` of a tunnel does so automatically.
 *
 * @throws WgTsError ERR_PORT_IN_USE, ERR_USAGE, ERR_UNSUPPORTED.
 */
export async function serveMetrics(
  source: MetricsSource,
  address: MetricsAddress,
  options: MetricsOptions = {},
): Promise<MetricsServer> {
  const { clock = systemClock(), logger = defaultLogger(source.status().name) } = options;
  // Loads the metrics code only when it is used.
  const { startMetricsServer } = await import('./server.js');
  return await startMetricsServer(source, address, { clock, logger });
}
