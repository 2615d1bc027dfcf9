import { systemLibrary } from '../../system/windows/libraries.js';

/** The offsets that are read in VS_FIXEDFILEINFO, and its size. */
const FIXED = { size: 52, fileVersionHigh: 8, fileVersionLow: 12 } as const;

/**
 * Returns the version of an executable file from its version resource, such as `0.14.1.0`; undefined when
 * it has none. Works on Windows only.
 */
export function fileVersion(path: string): string | undefined {
  const version = systemLibrary('version.dll');
  const sizeOf = version.func(
    'uint32_t __stdcall GetFileVersionInfoSizeW(const char16_t *path, void *ignored)',
  );
  const read = version.func(
    'int __stdcall GetFileVersionInfoW(const char16_t *path, uint32_t ignored, uint32_t size, void *data)',
  );
  const query = version.func(
    'int __stdcall VerQueryValueW(void *block, const char16_t *name, void *value, void *length)',
  );
  const block = new Uint8Array(sizeOf(path, null) as number);
  if (block.length === 0 || read(path, 0, block.length, block) === 0) return undefined;
  const [address, length] = [new BigUint64Array(1), new Uint32Array(1)];
  const found = query(block, '\\', new Uint8Array(address.buffer), new Uint8Array(length.buffer));
  if (found === 0 || (length[0] ?? 0) < FIXED.size) return undefined;
  return formatVersion(copyOf(address[0] ?? 0n, FIXED.size));
}

function copyOf(address: bigint, bytes: number): DataView {
  const copy = systemLibrary('kernel32.dll').func(
    'void __stdcall RtlMoveMemory(void *to, uintptr_t from, size_t bytes)',
  );
  const out = new Uint8Array(bytes);
  copy(out, address, bytes);
  return new DataView(out.buffer);
}

function formatVersion(fixed: DataView): string {
  return [FIXED.fileVersionHigh, FIXED.fileVersionLow]
    .map((offset) => fixed.getUint32(offset, true))
    .flatMap((half) => [half >>> 16, half & 0xffff])
    .join('.');
}
