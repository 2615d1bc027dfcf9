import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, fstatSync, openSync, readSync, rmSync } from 'node:fs';
import { EXIT_INTERRUPTED } from '../explain.js';
import { note } from '../output.js';
import { StateFolder } from '../runtime/state.js';

/** Messages from the process in the background to the one that waits for it. */
export type ProgressMessage =
  | { readonly type: 'line'; readonly text: string }
  | { readonly type: 'ready' };

/** Exit codes by signal: Ctrl-C, and the signals that shells and systemd send. */
const INTERRUPTS: Readonly<Record<string, number>> = {
  SIGINT: EXIT_INTERRUPTED,
  SIGTERM: 143,
  ...(process.platform === 'win32' && { SIGHUP: 129, SIGBREAK: 149 }),
};

/**
 * Runs this program with `args` in a session of its own, and waits until the tunnel is up, or has failed
 * and everything is undone. Resolves to the exit code.
 */
export async function runInBackground(args: readonly string[]): Promise<number> {
  const folder = new StateFolder();
  folder.create();
  const log = folder.earlyLogFile(process.pid);
  rmSync(log, { force: true });
  const fd = openSync(log, 'ax+', 0o600);
  try {
    const child = fork(process.argv[1] ?? '', args, {
      detached: true,
      env: { ...process.env, WG_TS_EARLY_LOG: log },
      stdio: ['ignore', fd, fd, 'ipc'],
    });
    return await follow(child, fd);
  } finally {
    closeSync(fd);
    rmSync(log, { force: true });
  }
}

function follow(child: ChildProcess, logFd: number): Promise<number> {
  const hookOutput = new Tail(logFd);
  let interrupted: number | undefined;
  const interrupt = (signal: NodeJS.Signals): void => {
    interrupted ??= INTERRUPTS[signal] ?? 1;
    // Windows can only kill, but the other process also notices when this one hangs up.
    if (process.platform === 'win32') child.disconnect();
    else child.kill('SIGTERM');
  };
  for (const signal of Object.keys(INTERRUPTS)) process.on(signal, interrupt);

  return new Promise((resolve) => {
    const finish = (code: number): void => {
      for (const signal of Object.keys(INTERRUPTS)) process.off(signal, interrupt);
      resolve(code);
    };
    child.on('message', (message: ProgressMessage) => {
      hookOutput.relay();
      if (message.type === 'line') note(message.text);
      else if (interrupted === undefined) {
        child.removeAllListeners('exit');
        child.unref();
        if (child.connected) child.disconnect();
        finish(0);
      }
    });
    child.once('error', (error) => {
      note(`error: cannot start the process in the background: ${error.message}`);
      finish(1);
    });
    child.once('exit', (code, signal) => {
      hookOutput.relay();
      if (signal && interrupted === undefined)
        note(`error: the process of the tunnel was killed by ${signal}`);
      finish(interrupted ?? code ?? 1);
    });
  });
}

/** Shows the output of hooks: nothing else is written to the log until the tunnel is up. */
class Tail {
  readonly #fd: number;
  #position = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  relay(): void {
    const text = Buffer.alloc(Math.max(0, fstatSync(this.#fd).size - this.#position));
    readSync(this.#fd, text, 0, text.length, this.#position);
    this.#position += text.length;
    if (text.length > 0) process.stderr.write(text);
  }
}
