import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../system/errors.js';
import {
  applicationFolder,
  loadWintun,
  wintunCandidates,
} from '../../tun/windows/wintun/library.js';
import { sha256 } from './archive.js';
import { fileVersion } from './fileversion.js';
import { knownDll, WINTUN_DLL, type WintunArchitecture } from './pins.js';

export interface WintunStatus {
  /** Undefined when it is in none of `lookedFor`. */
  readonly path: string | undefined;
  /** Full paths, in the order of the search. */
  readonly lookedFor: readonly string[];
  readonly sha256?: string;
  /** `0.14.1 for x64`; undefined for a file that is not of the pinned release. */
  readonly release?: string;
  /** From its version resource; on Windows only. */
  readonly fileVersion?: string;
  /** Why it cannot be used on this machine, one line. */
  readonly problem?: string;
  /** The version of the running driver; undefined while none is loaded, and on other systems. */
  readonly driverVersion?: string;
}

export interface StatusOptions {
  readonly architecture: WintunArchitecture;
  /** By default the folders that `up` searches. */
  readonly folder?: string;
}

/** Loads the DLL if it is for this machine. */
export async function wintunStatus(options: StatusOptions): Promise<WintunStatus> {
  const lookedFor = placesOf(options);
  const path = lookedFor.find(existsSync);
  if (path === undefined) return { path, lookedFor };
  const hash = sha256(readFileSync(path));
  const release = knownDll(hash);
  const version = process.platform === 'win32' ? fileVersion(path) : undefined;
  return {
    path,
    lookedFor,
    sha256: hash,
    ...(release !== undefined && { release }),
    ...(version !== undefined && { fileVersion: version }),
    ...(isOfThisMachine(options) && (await loadedStatus(path))),
  };
}

function placesOf({ architecture, folder }: StatusOptions): string[] {
  if (folder !== undefined) return [join(folder, WINTUN_DLL)];
  if (isOfThisMachine({ architecture })) return wintunCandidates();
  return [join(applicationFolder(architecture), WINTUN_DLL)];
}

function isOfThisMachine({ architecture }: StatusOptions): boolean {
  return process.platform === 'win32' && process.arch === architecture;
}

async function loadedStatus(
  path: string,
): Promise<Pick<WintunStatus, 'problem' | 'driverVersion'>> {
  const { runningDriverVersion } = await import('../../tun/windows/wintun/adapter.js');
  try {
    const driverVersion = runningDriverVersion(loadWintun(path));
    return driverVersion === undefined ? {} : { driverVersion };
  } catch (error) {
    return { problem: messageOf(error) };
  }
}
