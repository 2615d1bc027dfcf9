import type { NetConfig } from './netconfig.js';
import type { WindowsNetConfigOptions } from './windows/netconfig.js';

/** For Windows alone. */
export type NetConfigOptions = Pick<WindowsNetConfigOptions, 'serviceSid' | 'onWarning'>;

/** The network of this machine. Only what configures it is loaded. */
export async function openNetConfig(options: NetConfigOptions = {}): Promise<NetConfig> {
  if (process.platform === 'win32')
    return (await import('./windows/netconfig.js')).windowsNetConfig(options);
  return (await import('./linux/netconfig.js')).linuxNetConfig();
}
