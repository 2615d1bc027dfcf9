import { closeSync, constants, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { libc } from '../../tun/linux/libc.js';
import { WgTsError } from '../errors.js';

const LOCK_EX_NB = 2 | 4;
const TRY_AGAIN_MS = 50;
const PATIENCE_MS = 60_000;

/**
 * Runs `work` while no other process does so under the lock of the same file. flock(2) ends with the
 * process, however that ends, so a lock cannot be left behind. The file stays.
 */
export async function withLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
  const fd = openSync(file, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  try {
    await acquire(fd);
    return await work();
  } finally {
    closeSync(fd);
  }
}

async function acquire(fd: number): Promise<void> {
  const { flock } = libc();
  for (let waited = 0; flock(fd, LOCK_EX_NB) !== 0; waited += TRY_AGAIN_MS) {
    if (waited >= PATIENCE_MS)
      throw new WgTsError('ERR_ALREADY_UP', 'another wg-ts has been busy for a minute', {
        hint: 'see what it waits for: ps -C node -o pid,args',
      });
    await sleep(TRY_AGAIN_MS);
  }
}
