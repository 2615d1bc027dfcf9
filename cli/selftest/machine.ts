/** What the checks need from the system; tests provide their own. */
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
  /** The folder of wintun.dll, if it is not among those that tunnels search. */
  readonly wintunFolder?: string;
  /** Throws TunError. */
  openTun(name: string): Promise<Tun>;
  /** The driver of interfaces, such as `Wintun 0.14`; undefined when it does not run. */
  driver(): Promise<string | undefined>;
  netConfig(): Promise<NetConfig>;
  /** The kill switch for an interface; absent on systems without one. */
  killSwitch?(luid: bigint): Promise<{ open(): void; close(): void }>;
  /** What the system's own programs report, as an independent check. */
  readonly look: Look;
}

/** Each resolves to a text that a check searches. */
export interface Look {
  interfaces(): Promise<string>;
  addresses(name: string): Promise<string>;
  routes(name: string): Promise<string>;
  dnsServers(name: string): Promise<string>;
  /** The filters of the Windows Filtering Platform, which underlies all firewalls. */
  filters(): Promise<string>;
  /**
   * Resolves to why a datagram outside every tunnel, to a documentation address, is not sent, such as
   * `EACCES`; to undefined when it was sent.
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
  // By its full path, as this runs as administrator.
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
      // This list includes the MTU.
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

/** Resolves to the output, whatever the exit status: what does not exist is simply not in it. */
function outputOf(program: string, args: readonly string[]): Promise<string> {
  const env = process.platform === 'win32' ? process.env : { ...process.env, PATH, LC_ALL: 'C' };
  const options = { env, timeout: TIMEOUT_MS, maxBuffer: MAX_OUTPUT, windowsHide: true };
  return new Promise((resolve) => {
    execFile(program, args, options, (_error, stdout) => resolve(stdout));
  });
}
