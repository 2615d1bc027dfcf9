import { chmodSync, lstatSync, mkdirSync, readFileSync } from 'node:fs';
import { WgTsError } from '../../system/errors.js';
import { tryLockFile } from '../../system/linux/filelock.js';
import type { ProcessIdentity, RuntimeSystem } from './platform.js';

export const linuxRuntime: RuntimeSystem = {
  stateFolder: () => '/run/wg-ts',
  createFolder,
  logFolder: undefined,
  startTime,
  askToEnd,
  tryLock: tryLockFile,
  hasInterface,
  requirePrivilege(verb, command) {
    if (process.geteuid?.() === 0) return;
    throw new WgTsError('ERR_NOT_ROOT', `wg-ts ${verb} needs root: run sudo wg-ts ${command}`);
  },
  listProcesses: 'ps -C node -o pid,args',
};

function createFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const status = lstatSync(folder);
  if (!status.isDirectory() || status.uid !== process.geteuid?.() || (status.mode & 0o022) !== 0)
    throw new WgTsError('ERR_FILE', `${folder} is not a folder that only root can write to`, {
      hint: `remove it: rm -r ${folder}`,
    });
  chmodSync(folder, 0o700);
}

/**
 * Clock ticks from boot to the start of the process: field 22 of /proc/PID/stat, see proc(5). The name, in
 * parentheses, may itself contain spaces and parentheses. A zombie counts as ended.
 */
function startTime(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [state, time] = [fields[0], fields[19]];
    return state && time && !/[ZXx]/.test(state) ? time : undefined;
  } catch {
    return undefined;
  }
}

async function askToEnd(_name: string, { pid }: ProcessIdentity): Promise<boolean> {
  try {
    process.kill(pid, 'SIGTERM');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
  return true;
}

/** Asks by netlink, as /sys may show another network namespace. */
async function hasInterface(name: string): Promise<boolean> {
  const { realSystem } = await import('../../system/commands.js');
  const { status } = await realSystem.run({ argv: ['ip', 'link', 'show', 'dev', name] });
  return status === 0;
}
