/** `up` and `down` of a tunnel that is installed as a service. */
import { note } from './output.js';
import { isNameAlone } from './target.js';

/**
 * Starts the service of NAME, and waits until the tunnel is up. Resolves to false when there is no such
 * service or a file was named; the tunnel is then to be brought up without one. Throws WgTsError.
 */
export async function startInstalled(fileOrName: string): Promise<boolean> {
  if (process.platform !== 'win32' || !isNameAlone(fileOrName)) return false;
  const { startTunnelService, tunnelService } = await import('./service/windows/services.js');
  if (!tunnelService(fileOrName)) return false;
  note(`[#] start the service of ${fileOrName}`);
  await startTunnelService(fileOrName);
  return true;
}

/** Resolves to false when no service runs the tunnel. Throws WgTsError. */
export async function stopInstalled(name: string): Promise<boolean> {
  if (process.platform !== 'win32') return false;
  const { stopTunnelService, tunnelService } = await import('./service/windows/services.js');
  const report = tunnelService(name);
  if (!report || report.state === 'stopped') return false;
  await stopTunnelService(name);
  return true;
}
