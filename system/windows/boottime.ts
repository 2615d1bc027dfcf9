import { win32 } from 'node:path';
import { koffi, systemFolder, systemLibrary } from './libraries.js';

const HUNDREDS_OF_NANOSECONDS = 10_000;

/**
 * Returns a clock of milliseconds since boot, including time asleep: a key must not live longer because
 * the machine slept. Undefined on other systems than Windows.
 */
export function windowsBootMillis(): (() => number) | undefined {
  if (process.platform !== 'win32') return undefined;
  return interruptTime() ?? tickCount();
}

/** Available since Windows 10; a tick is 0.5 to 15.6 ms. */
function interruptTime(): (() => number) | undefined {
  try {
    const kernelBase = koffi().load(win32.join(systemFolder(), 'kernelbase.dll'));
    const queryInterruptTime = kernelBase.func('void __stdcall QueryInterruptTime(void *time)');
    const time = new BigUint64Array(1);
    const bytes = new Uint8Array(time.buffer);
    return () => {
      queryInterruptTime(bytes);
      return Number(time[0]) / HUNDREDS_OF_NANOSECONDS;
    };
  } catch {
    return undefined;
  }
}

function tickCount(): () => number {
  return systemLibrary('kernel32.dll').func('uint64_t __stdcall GetTickCount64()');
}
