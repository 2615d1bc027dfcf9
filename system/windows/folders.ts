/** The folders where Windows keeps what belongs to no single user. */
import { WindowsCallError } from './callerror.js';
import { guidBytes } from './guid.js';
import { systemLibrary } from './libraries.js';
import { readWideString, Structure } from './memory.js';

/** FOLDERID_ProgramData and FOLDERID_ProgramFiles. */
const IDS = {
  ProgramData: '62ab5d82-fdc1-4dc3-a9dd-070d1d495d97',
  ProgramFiles: '905e63b6-c1bf-494e-b29c-65b732d3d21a',
} as const;

export type KnownFolder = keyof typeof IDS;

const known = new Map<KnownFolder, string>();

/**
 * Returns a path such as `C:\ProgramData`. It does not come from the environment: a program without an
 * administrator's rights can set that for the same user's programs that have them. Throws
 * WindowsCallError.
 */
export function knownFolder(folder: KnownFolder): string {
  const before = known.get(folder);
  if (before !== undefined) return before;
  const getPath = systemLibrary('shell32.dll').func(
    'int32_t __stdcall SHGetKnownFolderPath(void *id, uint32_t flags, uintptr_t token, void *path)',
  );
  const free = systemLibrary('ole32.dll').func('void __stdcall CoTaskMemFree(uintptr_t memory)');
  const answer = new Structure(8);
  const result = getPath(guidBytes(IDS[folder]), 0, 0, answer.bytes) as number;
  const path = readWideString(answer.pointer(0));
  free(answer.pointer(0));
  if (result !== 0 || path === undefined)
    // An HRESULT made from a Windows error has its number in the lower half.
    throw new WindowsCallError('SHGetKnownFolderPath', result & 0xffff, folder);
  known.set(folder, path);
  return path;
}
