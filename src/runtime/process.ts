import { readFileSync } from 'node:fs';

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks between the boot and its start: field 22 of /proc/PID/stat, see proc(5). */
  readonly startTime: string;
}

interface ProcessStat extends ProcessIdentity {
  /** One letter, see proc(5). */
  readonly state: string;
}

/** Throws where /proc does not tell. */
export function ownIdentity(): ProcessIdentity {
  const stat = readStat(process.pid);
  if (!stat) throw new Error('cannot read /proc/self/stat: is /proc mounted?');
  return { pid: stat.pid, startTime: stat.startTime };
}

/** False too for one that has ended and only waits for its parent to notice. */
export function isAlive({ pid, startTime }: ProcessIdentity): boolean {
  const stat = readStat(pid);
  return stat !== undefined && stat.startTime === startTime && !/[ZXx]/.test(stat.state);
}

/** Sends nothing when the process is gone. */
export function signalProcess(target: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isAlive(target)) return;
  try {
    process.kill(target.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The name, in parentheses, may hold blanks and parentheses itself. */
function readStat(pid: number): ProcessStat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [state, startTime] = [fields[0], fields[19]];
    return state && startTime ? { pid, state, startTime } : undefined;
  } catch {
    return undefined;
  }
}
