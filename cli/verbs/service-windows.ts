/** The verbs of wg-ts service on Windows. */
import { readFileSync } from 'node:fs';
import { note } from '../output.js';
import {
  installTunnelService,
  listTunnelServices,
  startTunnelService,
  stopTunnelService,
  uninstallTunnelService,
} from '../service/windows/services.js';
import { wintunArchitecture } from '../wintun/pins.js';
import { wintunStatus } from '../wintun/status.js';
import type { ServiceManager } from './servicemanager.js';

export const windowsServices: ServiceManager = {
  async install(target, { start, ...settings }) {
    await warnOfMissingWintun();
    const isStored = !target.file.endsWith('.conf');
    installTunnelService({
      ...settings,
      name: target.name,
      ...(!isStored && { config: readFileSync(target.file) }),
    });
    note(`installed the service of ${target.name}`);
    if (!isStored) note(`hint: ${target.file} still holds the private key; it is no longer needed`);
    if (start) await startTunnelService(target.name);
  },
  uninstall: uninstallTunnelService,
  start: startTunnelService,
  stop: stopTunnelService,
  list: async () => listTunnelServices(),
};

/** The service gets a copy of the program together with the DLL that is beside it now. */
async function warnOfMissingWintun(): Promise<void> {
  const architecture = wintunArchitecture(process.arch);
  if (architecture && (await wintunStatus({ architecture })).path === undefined)
    note(
      'warning: wintun.dll is missing: run wg-ts wintun install, then install this service again',
    );
}
