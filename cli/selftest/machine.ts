/** What the checks need of the system; tests bring their own. */
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { win32 } from 'node:path';
import type { NetConfig } from '../../network/netconfig.js';
import { openNetConfig } from '../../network/open.js';
import { systemFolder } from '../../system/windows/libraries.js';
import type { Tun } from '../../tun/tun.js';

export interface Machine {
  readonly platform: NodeJS.Platform;
  /** Root, or an administrator in an elevated process. */
  isPrivileged(): Promise<boolean>;
  /** Where wintun.dll is, when that is not where tunnels look for it. */
  readonly wintunFolder?: string;
  /** Throws TunError. */
  openTun(name: string): Promise<Tun>;
  /** Of what makes interfaces, such as `Wintun 0.14`; undefined where it does not run. */
  driver(): Promise<string | undefined>;
  netConfig(): Promise<NetConfig>;
  /** For an interface; absent where there is none. */
  killSwitch?(luid: bigint): Promise<{ open(): void; close(): void }>;
  /** What the system's own programs tell, so that nobody has to believe ours. */
  readonly look: Look;
}

/** Each answers a text in which a check searches. */
export interface Look {
  interfaces(): Promise<string>;
  addresses(name: string): Promise<string>;
  routes(name: string): Promise<string>;
  dnsServers(name: string): Promise<string>;
  /** Of Windows' firewall, below all others. */
  filters(): Promise<string>;
  /**
   * Why a datagram past every tunnel does not leave, such as `EACCES`; undefined when it has left, to
   * an address of documentation.
   */
  refusalElsewhere(): Promise<string | undefined>;
}

export function systemMachine(): Machine {
  return process.platform === 'win32' ? windowsMachine() : linuxMachine();
}

function linuxMachine(): Machine {
  const ip = (...args: string[]): Promise<string> => outputOf('ip', args);
  return {
    platform: 'linux',
    isPrivileged: async () => process.geteuid?.() === 0,
    openTun: async (name) => (await import('../../tun/linux/device.js')).openTun(name),
    driver: async () => 'tun',
    netConfig: openNetConfig,
    look: {
      interfaces: () => ip('link', 'show'),
      addresses: (name) => ip('address', 'show', 'dev', name),
      routes: async (name) =>
        (await ip('-4', 'route', 'show', 'dev', name)) +
        (await ip('-6', 'route', 'show', 'dev', name)),
      dnsServers: async () => '',
      filters: async () => '',
      refusalElsewhere,
    },
  };
}

function windowsMachine(): Machine {
  // By its whole path: this runs as administrator.
  const netsh = (...args: string[]): Promise<string> =>
    outputOf(win32.join(systemFolder(), 'netsh.exe'), args);
  const both = async (args: readonly string[]): Promise<string> =>
    (await netsh('interface', 'ipv4', ...args)) + (await netsh('interface', 'ipv6', ...args));
  return {
    platform: 'win32',
    isPrivileged: async () => (await import('../../system/windows/process.js')).isElevated(),
    openTun: async (name) => (await import('../../tun/windows/device.js')).openWintunTun(name),
    driver: async () => {
      const { wintunDriverVersion } = await import('./windows.js');
      const version = await wintunDriverVersion();
      return version && `Wintun ${version}`;
    },
    netConfig: openNetConfig,
    killSwitch: async (luid) => {
      const { KillSwitch } = await import('../../network/windows/firewall.js');
      return new KillSwitch({ luid, dnsServers: [], endpoints: [], listenPort: DISCARD });
    },
    look: {
      // With their MTU.
      interfaces: () => both(['show', 'subinterfaces']),
      addresses: (name) => both(['show', 'addresses', name]),
      routes: () => both(['show', 'route']),
      dnsServers: (name) => both(['show', 'dnsservers', name]),
      filters: () => netsh('wfp', 'show', 'filters', 'file=-'),
      refusalElsewhere,
    },
  };
}

const ELSEWHERE = '198.51.100.1';
const DISCARD = 9;

function refusalElsewhere(): Promise<string | undefined> {
  const socket = createSocket('udp4');
  return new Promise((resolve) => {
    socket.send('wg-ts selftest', DISCARD, ELSEWHERE, (error) => {
      socket.close();
      resolve(error ? ((error as NodeJS.ErrnoException).code ?? error.message) : undefined);
    });
  });
}

const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
const TIMEOUT_MS = 20_000;
const MAX_OUTPUT = 64 * 1024 * 1024;

/** What it printed, whatever its status: what is not there is not in it. */
function outputOf(program: string, args: readonly string[]): Promise<string> {
  const env = process.platform === 'win32' ? process.env : { ...process.env, PATH, LC_ALL: 'C' };
  const options = { env, timeout: TIMEOUT_MS, maxBuffer: MAX_OUTPUT, windowsHide: true };
  return new Promise((resolve) => {
    execFile(program, args, options, (_error, stdout) => resolve(stdout));
  });
}
