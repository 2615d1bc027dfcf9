/** Creates folders that only administrators and the system can use. */
import { lstatSync } from 'node:fs';
import { callFailed, WindowsCallError } from './callerror.js';
import { systemLibrary } from './libraries.js';
import { freeLocal, readWideString, Structure } from './memory.js';
import {
  ADMINISTRATORS_FOLDER,
  isForAdministratorsAlone,
  isOwnedByAdministrators,
  parseSddl,
  type SecurityText,
} from './sddl.js';
import { lastError, prepareLastError, Win32Error } from './win32.js';

export const SECURITY_ATTRIBUTES = { size: 24, nLength: 0, lpSecurityDescriptor: 8 } as const;

const SDDL_REVISION = 1;
const SE_FILE_OBJECT = 1;
const OWNER_AND_DACL = 1 | 4;
const DACL_AND_PROTECTED = 0x80000004;

interface Functions {
  CreateDirectoryW(path: string, attributes: Uint8Array): number;
  ConvertStringSecurityDescriptorToSecurityDescriptorW(
    text: string,
    revision: number,
    descriptor: Uint8Array,
    size: null,
  ): number;
  ConvertSecurityDescriptorToStringSecurityDescriptorW(
    descriptor: bigint,
    revision: number,
    parts: number,
    text: Uint8Array,
    length: null,
  ): number;
  GetNamedSecurityInfoW(
    path: string,
    type: number,
    parts: number,
    owner: null,
    group: null,
    dacl: null,
    sacl: null,
    descriptor: Uint8Array,
  ): number;
  SetNamedSecurityInfoW(
    path: string,
    type: number,
    parts: number,
    owner: null,
    group: null,
    dacl: bigint,
    sacl: null,
  ): number;
  GetSecurityDescriptorDacl(
    descriptor: bigint,
    present: Uint8Array,
    dacl: Uint8Array,
    defaulted: Uint8Array,
  ): number;
}

let bound: Functions | undefined;

function functions(): Functions {
  if (bound) return bound;
  const advapi32 = systemLibrary('advapi32.dll');
  prepareLastError();
  bound = {
    CreateDirectoryW: systemLibrary('kernel32.dll').func(
      'int __stdcall CreateDirectoryW(const char16_t *path, void *attributes)',
    ),
    ConvertStringSecurityDescriptorToSecurityDescriptorW: advapi32.func(
      'int __stdcall ConvertStringSecurityDescriptorToSecurityDescriptorW(const char16_t *text, uint32_t revision, void *descriptor, void *size)',
    ),
    ConvertSecurityDescriptorToStringSecurityDescriptorW: advapi32.func(
      'int __stdcall ConvertSecurityDescriptorToStringSecurityDescriptorW(uintptr_t descriptor, uint32_t revision, uint32_t parts, void *text, void *length)',
    ),
    GetNamedSecurityInfoW: advapi32.func(
      'uint32_t __stdcall GetNamedSecurityInfoW(const char16_t *path, int type, uint32_t parts, void *owner, void *group, void *dacl, void *sacl, void *descriptor)',
    ),
    SetNamedSecurityInfoW: advapi32.func(
      'uint32_t __stdcall SetNamedSecurityInfoW(const char16_t *path, int type, uint32_t parts, void *owner, void *group, uintptr_t dacl, void *sacl)',
    ),
    GetSecurityDescriptorDacl: advapi32.func(
      'int __stdcall GetSecurityDescriptorDacl(uintptr_t descriptor, void *present, void *dacl, void *defaulted)',
    ),
  };
  return bound;
}

/** A folder cannot be trusted; the message has the reason. */
export class UntrustedFolderError extends Error {
  readonly folder: string;

  constructor(folder: string, reason: string) {
    super(`${folder} ${reason}`);
    this.name = 'UntrustedFolderError';
    this.folder = folder;
  }
}

/**
 * Creates a folder that only administrators and the system can use, or sets these rights on an existing
 * folder that they own. The parent folder must exist. Throws UntrustedFolderError for a link, and for a
 * folder with another owner, who could take the rights back; otherwise WindowsCallError.
 */
export function createAdministratorsFolder(path: string): void {
  withDescriptor(ADMINISTRATORS_FOLDER, (descriptor) => {
    const attributes = new Structure(SECURITY_ATTRIBUTES.size);
    attributes.setNumber(SECURITY_ATTRIBUTES.nLength, SECURITY_ATTRIBUTES.size);
    attributes.setPointer(SECURITY_ATTRIBUTES.lpSecurityDescriptor, descriptor);
    if (functions().CreateDirectoryW(path, attributes.bytes) !== 0) return;
    const code = lastError();
    if (code !== Win32Error.ERROR_ALREADY_EXISTS)
      throw new WindowsCallError('CreateDirectoryW', code, path);
    // Node.js treats junctions as links too.
    if (!lstatSync(path).isDirectory())
      throw new UntrustedFolderError(path, 'is a link or a file instead of a folder');
    const security = securityOf(path);
    if (!isOwnedByAdministrators(security))
      throw new UntrustedFolderError(path, 'belongs to a user who is not an administrator');
    if (!isForAdministratorsAlone(security)) setDacl(path, descriptor);
  });
}

/** Returns the owner and access rights of a file or folder. Throws WindowsCallError. */
export function securityOf(path: string): SecurityText {
  const { GetNamedSecurityInfoW, ConvertSecurityDescriptorToStringSecurityDescriptorW } =
    functions();
  const answer = new Structure(8);
  const code = GetNamedSecurityInfoW(
    path,
    SE_FILE_OBJECT,
    OWNER_AND_DACL,
    null,
    null,
    null,
    null,
    answer.bytes,
  );
  if (code !== 0) throw new WindowsCallError('GetNamedSecurityInfoW', code, path);
  const descriptor = answer.pointer(0);
  const text = new Structure(8);
  try {
    const isDone = ConvertSecurityDescriptorToStringSecurityDescriptorW(
      descriptor,
      SDDL_REVISION,
      OWNER_AND_DACL,
      text.bytes,
      null,
    );
    if (isDone === 0)
      throw callFailed('ConvertSecurityDescriptorToStringSecurityDescriptorW', path);
    return parseSddl(readWideString(text.pointer(0)) ?? '');
  } finally {
    freeLocal(descriptor);
    freeLocal(text.pointer(0));
  }
}

function setDacl(path: string, descriptor: bigint): void {
  const { GetSecurityDescriptorDacl, SetNamedSecurityInfoW } = functions();
  const [present, dacl, defaulted] = [new Structure(4), new Structure(8), new Structure(4)];
  if (GetSecurityDescriptorDacl(descriptor, present.bytes, dacl.bytes, defaulted.bytes) === 0)
    throw callFailed('GetSecurityDescriptorDacl', path);
  const code = SetNamedSecurityInfoW(
    path,
    SE_FILE_OBJECT,
    DACL_AND_PROTECTED,
    null,
    null,
    dacl.pointer(0),
    null,
  );
  if (code !== 0) throw new WindowsCallError('SetNamedSecurityInfoW', code, path);
}

function withDescriptor<T>(text: string, use: (descriptor: bigint) => T): T {
  const answer = new Structure(8);
  const convert = functions().ConvertStringSecurityDescriptorToSecurityDescriptorW;
  if (convert(text, SDDL_REVISION, answer.bytes, null) === 0)
    throw callFailed('ConvertStringSecurityDescriptorToSecurityDescriptorW');
  try {
    return use(answer.pointer(0));
  } finally {
    freeLocal(answer.pointer(0));
  }
}
