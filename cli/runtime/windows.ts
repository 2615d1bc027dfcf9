import { closeSync, constants, openSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import path from 'node:path';
import { WgTsError } from '../../system/errors.js';
import { WindowsCallError } from '../../system/windows/callerror.js';
import { knownFolder } from '../../system/windows/folders.js';
import { creationTime, isElevated } from '../../system/windows/process.js';
import { createAdministratorsFolder, UntrustedFolderError } from '../../system/windows/security.js';
import { Win32Error } from '../../system/windows/win32.js';
import type { RuntimeSystem } from './platform.js';
import { controlPipe, requestStop } from './stoppipe.js';

/** A flag of libuv: no other process may open the file as long as this one has it open. */
const UV_FS_O_EXLOCK = 0x1000_0000;

export const windowsRuntime: RuntimeSystem = {
  stateFolder: () => path.win32.join(dataFolder(), 'run'),
  createFolder: createSecureFolder,
  logFolder: () => path.win32.join(dataFolder(), 'log'),
  startTime: (pid) => creationTime(pid)?.toString(),
  askToEnd: (name) => requestStop(controlPipe(name)),
  tryLock,
  async hasInterface(name) {
    return Object.hasOwn(networkInterfaces(), name);
  },
  requirePrivilege(verb, command) {
    if (isElevated()) return;
    throw new WgTsError(
      'ERR_NOT_ROOT',
      `wg-ts ${verb} needs an administrator: run wg-ts ${command} in an elevated prompt`,
      { hint: 'right-click Terminal in the start menu and choose "Run as administrator"' },
    );
  },
  listProcesses: 'tasklist /fi "imagename eq node.exe"',
};

/** The folder for all data of this program, for all users of the machine. */
export function dataFolder(): string {
  return path.win32.join(knownFolder('ProgramData'), 'wg-ts');
}

/** Creates the folder, and the data folder above it. Throws WgTsError. */
export function createSecureFolder(folder: string): void {
  const data = dataFolder();
  try {
    if (folder !== data && path.win32.dirname(folder) === data) createAdministratorsFolder(data);
    createAdministratorsFolder(folder);
  } catch (error) {
    if (error instanceof UntrustedFolderError)
      throw new WgTsError('ERR_FILE', error.message, {
        hint: `see what is in it, and remove it: rd /s ${error.folder}`,
        cause: error,
      });
    throw asWgTsError(error);
  }
}

/** Converts the error of a Windows call to a WgTsError. */
export function asWgTsError(error: unknown): unknown {
  if (!(error instanceof WindowsCallError)) return error;
  const isDenied = error.windowsCode === Win32Error.ERROR_ACCESS_DENIED;
  return new WgTsError(isDenied ? 'ERR_NOT_ROOT' : 'ERR_WINDOWS', error.message, { cause: error });
}

function tryLock(file: string): (() => void) | undefined {
  try {
    const fd = openSync(file, constants.O_RDWR | constants.O_CREAT | UV_FS_O_EXLOCK, 0o600);
    return () => closeSync(fd);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBUSY') return undefined;
    throw error;
  }
}
