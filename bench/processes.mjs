// Reads figures of processes and of the machine from /proc.
import { readdirSync, readFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100;

/** Returns the seconds of processor time, user and system, that processes have used so far. */
export function processSeconds(pids) {
  const ticks = pids.map((pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return Number(fields[11]) + Number(fields[12]);
  });
  return ticks.reduce((sum, value) => sum + value, 0) / TICKS_PER_SECOND;
}

/** Returns the seconds of processor time for which the whole machine was busy so far. */
export function machineSeconds() {
  const [user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'utf8')
    .split('\n', 1)[0]
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND;
}

/** Returns the peak resident memory of a process, in MiB. */
export function peakMemory(pid) {
  const [, kib] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) / 1024;
}

/** Returns whether a process has a TUN device open. */
export function holdsTun(pid) {
  try {
    const folder = `/proc/${pid}/fdinfo`;
    return readdirSync(folder).some((fd) => /^iff:/m.test(readFileSync(`${folder}/${fd}`, 'utf8')));
  } catch (error) {
    // The process ended, or closed a file, meanwhile.
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return false;
    throw error;
  }
}

/** Returns whether a process has a file (a path, or the end of one) mapped. */
export function hasMapped(pid, file) {
  return readFileSync(`/proc/${pid}/maps`, 'utf8')
    .split('\n')
    .some((line) => line.endsWith(file));
}
