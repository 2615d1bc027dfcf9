import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { loadWintun } from '../../tun/windows/wintun/library.js';
import { explainChange } from './install.js';
import { WINTUN_DLL } from './pins.js';

export { applicationFolder } from '../../tun/windows/wintun/library.js';

export function hasWintun(folder: string): boolean {
  return existsSync(join(folder, WINTUN_DLL));
}

/** Returns false when it was not there. Throws WgTsError. */
export function removeWintun(folder: string): boolean {
  if (!hasWintun(folder)) return false;
  const path = join(folder, WINTUN_DLL);
  try {
    rmSync(path);
  } catch (error) {
    throw explainChange(error, `remove ${path}`, true);
  }
  return true;
}

/**
 * Asks Windows to remove the driver, which it does if no adapter uses it. Throws TunError. The DLL stays
 * loaded as long as this process lives, so another process has to remove the file.
 */
export async function deleteWintunDriver(folder: string): Promise<void> {
  const { deleteDriver } = await import('../../tun/windows/wintun/adapter.js');
  deleteDriver(loadWintun(join(folder, WINTUN_DLL)));
}
