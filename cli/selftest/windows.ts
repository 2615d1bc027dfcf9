/** Checks that are for Windows only. */

import { wintunArchitecture } from '../wintun/pins.js';
import { wintunStatus } from '../wintun/status.js';
import { type Check, failed, type Outcome, ok } from './check.js';

export const WINTUN_DLL_CHECK = 'wintun.dll';

export function wintunDllCheck(folder: string | undefined, needs: readonly string[]): Check {
  return { name: WINTUN_DLL_CHECK, needs, run: () => checkWintunDll(folder) };
}

async function checkWintunDll(folder: string | undefined): Promise<Outcome> {
  const architecture = wintunArchitecture(process.arch);
  if (!architecture) return failed(`there is no Wintun for ${process.arch}`);
  const { path, lookedFor, problem, release, fileVersion, sha256 } = await wintunStatus({
    architecture,
    ...(folder !== undefined && { folder }),
  });
  if (path === undefined)
    return failed(`not at ${lookedFor.join(' and ')}`, 'wg-ts wintun install');
  if (problem !== undefined) return failed(problem, 'wg-ts wintun install');
  const what = release ?? `${fileVersion ?? 'of an unknown version'}, SHA-256 ${sha256}`;
  return ok(`${path}, ${what}; all its functions are there`);
}

/** Resolves to the version of the running driver, such as `0.14`; it runs once there is an adapter. */
export async function wintunDriverVersion(): Promise<string | undefined> {
  const architecture = wintunArchitecture(process.arch);
  return architecture && (await wintunStatus({ architecture })).driverVersion;
}
