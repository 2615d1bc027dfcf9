/** DPAPI: encrypts data so that only this machine can decrypt it. */
import { callFailed } from './callerror.js';
import { systemLibrary } from './libraries.js';
import { freeLocal, readBytes, readWideString, Structure, zeroMemory } from './memory.js';
import { prepareLastError } from './win32.js';

/** CRYPTOAPI_BLOB of wincrypt.h. */
export const DATA_BLOB = { size: 16, cbData: 0, pbData: 8 } as const;

/** A service and its administrator are different users; the machine's key is the one both can use. */
const CRYPTPROTECT_LOCAL_MACHINE = 0x4;
const CRYPTPROTECT_UI_FORBIDDEN = 0x1;

interface Functions {
  CryptProtectData(
    from: Uint8Array,
    description: string,
    entropy: null,
    reserved: null,
    prompt: null,
    flags: number,
    into: Uint8Array,
  ): number;
  CryptUnprotectData(
    from: Uint8Array,
    description: Uint8Array,
    entropy: null,
    reserved: null,
    prompt: null,
    flags: number,
    into: Uint8Array,
  ): number;
}

let bound: Functions | undefined;

function functions(): Functions {
  if (bound) return bound;
  const crypt32 = systemLibrary('crypt32.dll');
  prepareLastError();
  bound = {
    CryptProtectData: crypt32.func(
      'int __stdcall CryptProtectData(void *from, const char16_t *description, void *entropy, void *reserved, void *prompt, uint32_t flags, void *into)',
    ),
    CryptUnprotectData: crypt32.func(
      'int __stdcall CryptUnprotectData(void *from, void *description, void *entropy, void *reserved, void *prompt, uint32_t flags, void *into)',
    ),
  };
  return bound;
}

/** Encrypts `bytes`, which are not changed, together with `description`. Throws WindowsCallError. */
export function protectData(bytes: Uint8Array, description: string): Uint8Array {
  const { CryptProtectData } = functions();
  const answer = new Structure(DATA_BLOB.size);
  const flags = CRYPTPROTECT_UI_FORBIDDEN | CRYPTPROTECT_LOCAL_MACHINE;
  const from = blobOf(bytes);
  if (CryptProtectData(from.bytes, description, null, null, null, flags, answer.bytes) === 0)
    throw callFailed('CryptProtectData', description);
  return takeBlob(answer);
}

export interface UnprotectedData {
  readonly bytes: Uint8Array;
  readonly description: string;
}

/**
 * Decrypts what `protectData` returned. The caller zeroes the bytes. Throws WindowsCallError for data that
 * was changed or comes from another machine.
 */
export function unprotectData(bytes: Uint8Array): UnprotectedData {
  const { CryptUnprotectData } = functions();
  const answer = new Structure(DATA_BLOB.size);
  const text = new Structure(8);
  const from = blobOf(bytes);
  const flags = CRYPTPROTECT_UI_FORBIDDEN;
  if (CryptUnprotectData(from.bytes, text.bytes, null, null, null, flags, answer.bytes) === 0)
    throw callFailed('CryptUnprotectData');
  const description = readWideString(text.pointer(0)) ?? '';
  freeLocal(text.pointer(0));
  return { bytes: takeBlob(answer), description };
}

function blobOf(bytes: Uint8Array): Structure {
  const blob = new Structure(DATA_BLOB.size);
  blob.setNumber(DATA_BLOB.cbData, bytes.length);
  blob.setPointer(DATA_BLOB.pbData, bytes);
  return blob;
}

/** Copies what Windows has allocated, then zeroes and frees it. */
function takeBlob(blob: Structure): Uint8Array {
  const [address, length] = [blob.pointer(DATA_BLOB.pbData), blob.number(DATA_BLOB.cbData)];
  const bytes = readBytes(address, length);
  zeroMemory(address, length);
  freeLocal(address);
  return bytes;
}
