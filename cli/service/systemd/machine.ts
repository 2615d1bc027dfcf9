/** What systemd services need from the machine; tests provide their own. */
import { spawn } from 'node:child_process';
import { existsSync, lstatSync } from 'node:fs';
import path from 'node:path';
import { configFolder } from '../../../src/config/file.js';
import { WgTsError } from '../../../system/errors.js';

export interface SystemctlResult {
  /** Exit code; -1 when a signal ended it. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface SystemdMachine {
  readonly unitFolder: string;
  readonly configFolder: string;
  /** Whether /etc/resolv.conf is replaced as a whole when a tunnel has DNS servers. */
  replacesResolvConf(): boolean;
  /** Throws WgTsError ERR_UNSUPPORTED where systemd does not run. */
  requireSystemd(): void;
  /** Runs systemctl without a time limit, as a tunnel may take long to come up. */
  systemctl(args: readonly string[]): Promise<SystemctlResult>;
}

/** The folder that sd_booted(3) checks. */
const BOOTED = '/run/systemd/system';

/** On Debian, Arch and Fedora. Other implementations of resolvconf have no program of this name. */
const OPENRESOLV_PARTS = ['/lib', '/usr/lib', '/usr/libexec'].map((f) => `${f}/resolvconf/libc`);

const DNS_PROGRAMS = ['/usr/bin', '/usr/sbin', '/bin', '/sbin'].flatMap((folder) => [
  `${folder}/resolvectl`,
  `${folder}/resolvconf`,
]);

function hasDnsProgram(): boolean {
  return DNS_PROGRAMS.some((file) => existsSync(file));
}

export const thisMachine: SystemdMachine = {
  unitFolder: '/etc/systemd/system',
  configFolder: configFolder('linux'),
  // openresolv does so, and wg-ts itself where no program sets DNS servers.
  replacesResolvConf: () => OPENRESOLV_PARTS.some((file) => existsSync(file)) || !hasDnsProgram(),
  requireSystemd() {
    if (existsSync(BOOTED)) return;
    throw noSystemd('systemd does not run on this machine');
  },
  systemctl: (args) =>
    new Promise((resolve, reject) => {
      const child = spawn('systemctl', args, { env: { ...process.env, LC_ALL: 'C' } });
      let [stdout, stderr] = ['', ''];
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        stdout += text;
      });
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        stderr += text;
      });
      child.stdin.end();
      child.once('error', (error) => reject(noSystemd('systemctl cannot be started', error)));
      child.once('close', (code) => resolve({ status: code ?? -1, stdout, stderr }));
    }),
};

function noSystemd(message: string, cause?: unknown): WgTsError {
  return new WgTsError('ERR_UNSUPPORTED', message, {
    hint: 'let the service manager of this machine run wg-ts up --foreground NAME',
    ...(cause !== undefined && { cause }),
  });
}

const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

/**
 * Returns the first file or folder on the path to `file` that a user other than root can change, and with
 * it what root runs; undefined when there is none.
 */
export function changeableByOthers(file: string): string | undefined {
  const { root } = path.parse(file);
  const parts = [root];
  for (const part of file.slice(root.length).split(path.sep))
    parts.push(path.join(parts.at(-1) ?? root, part));
  return parts.find((part) => {
    const { mode, uid } = lstatSync(part);
    return uid !== 0 || ((mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0);
  });
}
