import type { Readiness } from '../system/linux/readiness.js';
import { watchRoutes } from './linux/routewatch.js';
import { openWayQueries } from './linux/wayqueries.js';
import type { NetConfig } from './netconfig.js';
import type { NetworkChange, WayQueries } from './ways.js';
import type { WindowsNetConfigOptions } from './windows/netconfig.js';

/** Used on Windows only. */
export type NetConfigOptions = Pick<WindowsNetConfigOptions, 'serviceSid' | 'onWarning'>;

/** Returns the network configuration for this machine. Loads only its implementation. */
export async function openNetConfig(options: NetConfigOptions = {}): Promise<NetConfig> {
  if (process.platform === 'win32')
    return (await import('./windows/netconfig.js')).windowsNetConfig(options);
  return (await import('./linux/netconfig.js')).linuxNetConfig();
}

/**
 * Calls `onChange` when an address, a route, a policy rule or a link is added, removed or changed, but not
 * for those of the interface `ownName`. Returns undefined on systems other than Linux. Throws where
 * there is no netlink.
 */
export function watchNetworkChanges(
  ownName: string,
  onChange: (change: NetworkChange) => void,
): Readiness | undefined {
  return process.platform === 'linux' ? watchRoutes(ownName, onChange) : undefined;
}

/** Returns undefined on systems other than Linux. Throws where there is no netlink. */
export function openWays(): WayQueries | undefined {
  return process.platform === 'linux' ? openWayQueries() : undefined;
}
