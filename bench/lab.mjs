// Two network namespaces with a cable between them, in which programs are run.
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { holdsTun } from './processes.mjs';

/** Runs a program to its end. Rejects with its output when it fails or takes longer than `limit` ms. */
export function run(argv, env = {}, limit = 60_000) {
  const child = start(argv, env);
  const timer = setTimeout(() => child.end(), limit);
  return child.finished.finally(() => clearTimeout(timer));
}

/** Starts a program in a process group of its own; `finished` resolves to its stdout. */
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
    // Not `close`: a daemon may keep the pipes open.
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
  /** The names of the interfaces are this prefix with `c` or `s`. */
  tunnelPrefix = `wgb${this.id}`;

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

  /** Returns the PID of the process that moves the packets in a namespace. Throws unless there is just one. */
  tunnelPid(namespace) {
    const pids = this.pids(namespace).filter(holdsTun);
    if (pids.length !== 1)
      throw new Error(`${pids.length} processes have a TUN device in ${namespace}, not one`);
    return pids[0];
  }

  /** Ends what a measurement left behind, so that the next one starts clean. */
  clear() {
    for (const namespace of [this.client, this.server]) {
      for (const pid of this.pids(namespace)) kill(pid);
      // The interface is deleted with its last process.
      for (let i = 0; i < 100 && this.pids(namespace).length > 0; i++) pause(10);
    }
    // Programs that are killed leave their socket and state files behind.
    for (const folder of ['/var/run/wireguard', '/run/wg-ts'])
      for (const file of filesOf(folder))
        if (file.startsWith(this.tunnelPrefix)) rmSync(join(folder, file), { recursive: true });
  }

  /** Ends what still runs in the namespaces. Synchronous, so that it can run while the process exits. */
  close() {
    this.clear();
    for (const name of [this.client, this.server]) spawnSync('ip', ['netns', 'del', name]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Waits synchronously. */
function pause(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

function filesOf(folder) {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}
