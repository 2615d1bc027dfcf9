import type { Readiness } from '../system/linux/readiness.js';
import { watchRoutes } from './linux/routewatch.js';
import type { NetConfig } from './netconfig.js';
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
 * Calls `onChange` when an address, a route or a link that has addresses is added or removed, but not
 * for those of the interface `ownName`. Returns undefined on systems other than Linux. Throws where
 * there is no netlink.
 */
export function watchNetworkChanges(ownName: string, onChange: () => void): Readiness | undefined {
  return process.platform === 'linux' ? watchRoutes(ownName, onChange) : undefined;
}
