/** Gathers facts about the machine, and changes nothing. */
import { accessSync, constants } from 'node:fs';
import { queryJson, realSystem, type System } from '../../system/commands.js';
import { isAlive } from '../runtime/process.js';
import { StateFolder } from '../runtime/state.js';
import { runtimeSystem } from '../runtime/system.js';
import type { InterfaceFacts, MachineFacts, RouteFacts } from './facts.js';
import { gatherDns } from './gather-dns.js';

const PROGRAMS = ['ip', 'nft', 'iptables', 'ping'];

export async function gatherMachine(system: System = realSystem): Promise<MachineFacts> {
  const isLinux = process.platform === 'linux';
  const [interfaces, routes, programs] = isLinux
    ? await Promise.all([gatherInterfaces(system), gatherRoutes(system), gatherPrograms(system)])
    : [[], [], new Set<string>()];
  const names = interfaces.map(({ name }) => name);
  const isClockSynchronised = isLinux ? await clockIsSynchronised(system) : undefined;
  return {
    platform: process.platform,
    isPrivileged: isPrivileged(),
    now: Date.now(),
    ...(isClockSynchronised !== undefined && { isClockSynchronised }),
    hasTun: isLinux && canOpen('/dev/net/tun'),
    programs,
    crashedTunnels: crashedTunnels(),
    interfaces,
    routes,
    sysctls: isLinux ? await gatherSysctls(system, names) : {},
    firewallRules: isLinux ? await gatherFirewall(system) : '',
    ...(isLinux && { dns: await gatherDns(system) }),
  };
}

function isPrivileged(): boolean {
  try {
    runtimeSystem().requirePrivilege('doctor', 'doctor');
    return true;
  } catch {
    return false;
  }
}

function canOpen(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

async function gatherPrograms(system: System): Promise<ReadonlySet<string>> {
  const found = await Promise.all(PROGRAMS.map((program) => system.find(program)));
  return new Set(PROGRAMS.filter((_, i) => found[i] !== undefined));
}

/** Undefined unless timedatectl reports it. */
async function clockIsSynchronised({ run }: System): Promise<boolean | undefined> {
  const argv = ['timedatectl', 'show', '--property=NTPSynchronized', '--value'];
  const { status, stdout } = await run({ argv });
  if (status !== 0) return undefined;
  const answer = stdout.trim();
  return answer === 'yes' ? true : answer === 'no' ? false : undefined;
}

/** Empty if this user may not read the state. */
function crashedTunnels(): string[] {
  try {
    const folder = new StateFolder();
    return folder.names().filter((name) => {
      const state = folder.read(name);
      return state !== undefined && !isAlive(state);
    });
  } catch {
    return [];
  }
}

interface AddressRow {
  readonly ifname?: string;
  readonly linkinfo?: { readonly info_kind?: string };
  readonly link_type?: string;
  readonly addr_info?: readonly { readonly local?: string; readonly prefixlen?: number }[];
}

async function gatherInterfaces({ run }: System): Promise<InterfaceFacts[]> {
  const rows = await queryJson<AddressRow>(run, ['ip', '-json', '-details', 'address', 'show']);
  return rows.flatMap(({ ifname, linkinfo, link_type, addr_info = [] }) => {
    if (ifname === undefined) return [];
    const kind = linkinfo?.info_kind ?? (link_type === 'ppp' ? 'ppp' : undefined);
    const addresses = addr_info.flatMap(({ local, prefixlen }) =>
      local === undefined || prefixlen === undefined ? [] : `${local}/${prefixlen}`,
    );
    return [{ name: ifname, addresses, ...(kind !== undefined && { kind }) }];
  });
}

interface RouteRow {
  readonly dst?: string;
  readonly dev?: string;
  readonly gateway?: string;
  readonly type?: string;
}

async function gatherRoutes({ run }: System): Promise<RouteFacts[]> {
  const ask = (family: '-4' | '-6'): Promise<RouteRow[]> =>
    queryJson<RouteRow>(run, ['ip', '-json', family, 'route', 'show', 'table', 'all']);
  const [v4, v6] = await Promise.all([ask('-4'), ask('-6')]);
  const isUsual = ({ type = 'unicast' }: RouteRow): boolean => type === 'unicast';
  const facts = (rows: readonly RouteRow[], any: string, bits: number): RouteFacts[] =>
    rows.filter(isUsual).flatMap(({ dst, dev, gateway }) => {
      if (dst === undefined || dev === undefined) return [];
      const destination = dst === 'default' ? any : dst.includes('/') ? dst : `${dst}/${bits}`;
      return [{ destination, interfaceName: dev, isOnLink: gateway === undefined }];
    });
  return [...facts(v4, '0.0.0.0/0', 32), ...facts(v6, '::/0', 128)];
}

async function gatherSysctls(
  { read }: System,
  interfaces: readonly string[],
): Promise<Record<string, number>> {
  const keys = ['all', 'default', ...interfaces].flatMap((which) => [
    ['ipv4', which, 'rp_filter'],
    ['ipv4', which, 'src_valid_mark'],
    ['ipv6', which, 'disable_ipv6'],
  ]);
  const values = await Promise.all(
    keys.map(async ([family, which, key]) => {
      const text = await read(`/proc/sys/net/${family}/conf/${which}/${key}`);
      return text === undefined ? [] : [[`net.${family}.conf.${which}.${key}`, Number(text)]];
    }),
  );
  return Object.fromEntries(values.flat());
}

/** nftables lists the rules of iptables too, except those of iptables-legacy. */
async function gatherFirewall({ run }: System): Promise<string> {
  const ruleset = await run({ argv: ['nft', 'list', 'ruleset'] });
  if (ruleset.status === 0 && ruleset.stdout.trim() !== '') return ruleset.stdout;
  return (await run({ argv: ['iptables', '-S'] })).stdout;
}
