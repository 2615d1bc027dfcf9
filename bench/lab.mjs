// Two network namespaces with a cable between them, and programs run in them.
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Runs a program to its end. Throws with its words when it fails or takes longer than a minute. */
export function run(argv, env = {}) {
  const child = start(argv, env);
  const timer = setTimeout(() => child.end(), 60_000);
  return child.finished.finally(() => clearTimeout(timer));
}

/** Starts a program in a process group of its own; `finished` is its stdout. */
export function start(argv, env = {}) {
  const [file, ...args] = argv;
  const child = spawn(file, args, {
    detached: true,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const finished = new Promise((resolve, reject) => {
    child.once('error', reject);
    // Not `close`: a daemon may hold on to the pipes.
    child.once('exit', (code) =>
      setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
        if (code === 0) resolve(stdout);
        else reject(new Error(`${argv.join(' ')}: ${stderr.trim() || stdout.trim() || code}`));
      }, 50),
    );
  });
  finished.catch(() => {});
  const end = () => {
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
  };
  return { finished, end };
}

export class Lab {
  id = randomBytes(2).toString('hex');
  folder = mkdtempSync(join(tmpdir(), 'wg-ts-bench-'));
  client = `wgts-${this.id}-client`;
  server = `wgts-${this.id}-server`;
  clientAddress = '198.18.1.1';
  serverAddress = '198.18.1.2';

  async open() {
    for (const name of [this.client, this.server]) await run(['ip', 'netns', 'add', name]);
    const cable = `ip link add veth0 netns ${this.client} type veth peer name veth0 netns ${this.server}`;
    await run(cable.split(' '));
    for (const [name, address] of [
      [this.client, this.clientAddress],
      [this.server, this.serverAddress],
    ]) {
      await run(['ip', '-n', name, 'address', 'add', `${address}/24`, 'dev', 'veth0']);
      await run(['ip', '-n', name, 'link', 'set', 'lo', 'up']);
      await run(['ip', '-n', name, 'link', 'set', 'veth0', 'up']);
    }
  }

  inside(namespace, argv) {
    return ['ip', 'netns', 'exec', namespace, ...argv];
  }

  run(namespace, argv, env) {
    return run(this.inside(namespace, argv), env);
  }

  start(namespace, argv) {
    return start(this.inside(namespace, argv));
  }

  pids(namespace) {
    const { stdout } = spawnSync('ip', ['netns', 'pids', namespace], { encoding: 'utf8' });
    return stdout.split('\n').filter(Boolean).map(Number);
  }

  /** Synchronous, so that it can run on the way out; ends what still lives in the namespaces. */
  close() {
    for (const name of [this.client, this.server]) {
      for (const pid of this.pids(name)) process.kill(pid, 'SIGKILL');
      spawnSync('ip', ['netns', 'del', name]);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const TICKS_PER_SECOND = 100;

/** Seconds of processor time, user and system, that processes have used so far. */
export function processSeconds(pids) {
  const ticks = pids.map((pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return Number(fields[11]) + Number(fields[12]);
  });
  return ticks.reduce((sum, value) => sum + value, 0) / TICKS_PER_SECOND;
}

/** Seconds of processor time that the whole machine was not idle so far. */
export function machineSeconds() {
  const [user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'utf8')
    .split('\n', 1)[0]
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND;
}

/** The most memory that a process ever had resident, in MiB. */
export function peakMemory(pid) {
  const [, kib] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) / 1024;
}
