import { linuxRuntime } from './linux.js';
import type { RuntimeSystem } from './platform.js';
import { windowsRuntime } from './windows.js';

export function runtimeSystem(): RuntimeSystem {
  return process.platform === 'win32' ? windowsRuntime : linuxRuntime;
}
