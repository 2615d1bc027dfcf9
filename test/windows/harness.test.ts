import { createRequire } from 'node:module';
import { describe, expect, it, vi } from 'vitest';
import { parsePrefix } from '../../protocol/ip.js';

describe('this machine', () => {
  it('is Windows, as far as programs can tell', () => {
    expect(process.platform).toBe('win32');
    expect(parsePrefix('10.0.0.0/8')?.length).toBe(8);
  });

  it('calls functions of Windows through koffi', async () => {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
    const kernel32 = koffi.load('kernel32.dll');
    const setLastError = kernel32.func('void __stdcall SetLastError(uint32_t)');
    const getLastError = kernel32.func('uint32_t __stdcall GetLastError()');
    setLastError(1234);
    expect(getLastError()).toBe(1234);
    await vi.waitFor(() => expect({ a: [1] }).toEqual({ a: expect.any(Array) }));
  });
});
