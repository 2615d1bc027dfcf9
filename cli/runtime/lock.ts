import { setTimeout as sleep } from 'node:timers/promises';
import { WgTsError } from '../../system/errors.js';
import { runtimeSystem } from './system.js';

const TRY_AGAIN_MS = 50;
const PATIENCE_MS = 60_000;

/** Runs `work` while holding a lock on `file`, which excludes other processes. The file is kept. */
export async function withLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  const unlock = await acquire(file);
  try {
    return await work();
  } finally {
    unlock();
  }
}

async function acquire(file: string): Promise<() => void> {
  const { tryLock, listProcesses } = runtimeSystem();
  for (let waited = 0; waited < PATIENCE_MS; waited += TRY_AGAIN_MS) {
    const unlock = tryLock(file);
    if (unlock) return unlock;
    await sleep(TRY_AGAIN_MS);
  }
  throw new WgTsError('ERR_ALREADY_UP', 'another wg-ts has been busy for a minute', {
    hint: `see what it waits for: ${listProcesses}`,
  });
}
