import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { STARTED_BY } from '../../system/commands.js';
import { HOOK_OF, isHookShell } from '../../system/shell.js';

const POLL_MS = 25;
const PATIENCE_MS = 5000;

/**
 * Waits for the programs that a killed process had started to configure the network, and for its hooks:
 * anything they do after the undo would stay. The wait is limited, as a hook may have started a service
 * that inherited the environment.
 */
export async function awaitOrphans(pid: number): Promise<void> {
  for (let waited = 0; waited < PATIENCE_MS && hasOrphans(pid); waited += POLL_MS)
    await sleep(POLL_MS);
}

function hasOrphans(pid: number): boolean {
  if (process.platform !== 'linux') return false;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .some((name) => {
      const environment = partsOf(name, 'environ');
      if (environment.includes(`${STARTED_BY}=${pid}`)) return true;
      return environment.includes(`${HOOK_OF}=${pid}`) && isHookShell(partsOf(name, 'cmdline'));
    });
}

function partsOf(pid: string, what: 'environ' | 'cmdline'): string[] {
  try {
    return readFileSync(`/proc/${pid}/${what}`, 'latin1').split('\0');
  } catch {
    // It has ended, or root may not read it.
    return [];
  }
}
