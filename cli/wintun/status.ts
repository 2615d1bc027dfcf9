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
  /** Undefined: it is in none of `lookedFor`. */
  readonly path: string | undefined;
  /** Whole paths, in order. */
  readonly lookedFor: readonly string[];
  readonly sha256?: string;
  /** `0.14.1 for x64`; undefined for a file that is not of the release that is pinned. */
  readonly release?: string;
  /** As its version resource has it; only Windows tells. */
  readonly fileVersion?: string;
  /** Why it cannot be used here, one line. */
  readonly problem?: string;
  /** Of the running driver; undefined while none is loaded, and elsewhere than on Windows. */
  readonly driverVersion?: string;
}

export interface StatusOptions {
  readonly architecture: WintunArchitecture;
  /** By default where `up` looks. */
  readonly folder?: string;
}

/** Loads the DLL where it is of this machine. */
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
