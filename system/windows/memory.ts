/** Structures of Windows as bytes: numbers, and pointers to other memory, which is kept alive as long. */
import { koffi, systemLibrary } from './libraries.js';

/** The memory that bytes point to, so that it is not collected before they are. */
const targets = new WeakMap<Uint8Array, Uint8Array[]>();

/** Bytes at a fixed address, with fields at known offsets. */
export class Structure {
  readonly bytes: Uint8Array;
  /** For fields of sizes that the methods do not cover. */
  readonly view: DataView;

  /** Allocates this number of bytes, all zero, or uses the given bytes. */
  constructor(memory: number | Uint8Array<ArrayBuffer>) {
    // With an explicit buffer from the start: V8 moves small arrays without one.
    this.bytes = typeof memory === 'number' ? new Uint8Array(new ArrayBuffer(memory)) : memory;
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
  }

  number(offset: number): number {
    return this.view.getUint32(offset, true);
  }

  setNumber(offset: number, value: number): void {
    this.view.setUint32(offset, value, true);
  }

  pointer(offset: number): bigint {
    return this.view.getBigUint64(offset, true);
  }

  /** Keeps the target alive as long as the bytes of this structure. */
  setPointer(offset: number, target: Uint8Array | bigint): void {
    if (typeof target !== 'bigint')
      targets.set(this.bytes, [...(targets.get(this.bytes) ?? []), target]);
    this.view.setBigUint64(offset, typeof target === 'bigint' ? target : addressOf(target), true);
  }
}

export function addressOf(memory: Uint8Array): bigint {
  return BigInt(koffi().address(memory));
}

/** Returns UTF-16 with the terminating zero that Windows expects. */
export function wideString(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(`${text}\0`, 'utf16le'));
}

/** Returns the strings in UTF-16, each with its terminating zero, and one more zero at the end. */
export function wideStrings(texts: readonly string[]): Uint8Array {
  return wideString(texts.map((text) => `${text}\0`).join(''));
}

/** Returns the string at an address; undefined for NULL. */
export function readWideString(address: bigint): string | undefined {
  if (address === 0n) return undefined;
  return koffi().decode(address, 'char16_t', -1) as string;
}

interface Functions {
  RtlMoveMemory(into: Uint8Array, from: bigint, bytes: number): void;
  RtlZeroMemory(memory: bigint, bytes: number): void;
  LocalFree(memory: bigint): bigint;
}

let bound: Functions | undefined;

function functions(): Functions {
  if (bound) return bound;
  const kernel32 = systemLibrary('kernel32.dll');
  bound = {
    RtlMoveMemory: kernel32.func(
      'void __stdcall RtlMoveMemory(void *into, uintptr_t from, size_t bytes)',
    ),
    RtlZeroMemory: kernel32.func('void __stdcall RtlZeroMemory(uintptr_t memory, size_t bytes)'),
    LocalFree: kernel32.func('uintptr_t __stdcall LocalFree(uintptr_t memory)'),
  };
  return bound;
}

/** Returns a copy of memory. */
export function readBytes(address: bigint, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  if (length > 0) functions().RtlMoveMemory(bytes, address, length);
  return bytes;
}

export function zeroMemory(address: bigint, length: number): void {
  if (length > 0) functions().RtlZeroMemory(address, length);
}

/** Frees memory that a function of Windows has allocated for its caller. */
export function freeLocal(address: bigint): void {
  if (address !== 0n) functions().LocalFree(address);
}
