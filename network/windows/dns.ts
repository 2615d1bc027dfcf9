import type { Command } from '../../system/commands.js';
import { isGone } from '../../system/windows/callerror.js';
import { guidBytes, guidText } from '../../system/windows/guid.js';
import { FAMILIES, type Family } from '../family.js';
import type { DnsSettings, IpHelper } from './iphelper.js';
import { netsh, type ProgramRunner } from './programs.js';

/** Command that resets DNS settings, in this process or a later one. */
export const RESET_DNS = 'wg-ts:reset-dns';

const NO_DNS: DnsSettings = { servers: [], search: [] };

/**
 * The commands for Windows 10 before version 1809, in order. They use the index, as a name may need
 * quoting.
 */
export function netshDnsCommands(
  index: number,
  family: Family,
  servers: readonly string[],
): Command[] {
  const [first = 'none', ...more] = servers;
  const start = ['interface', `ipv${family}`];
  const set = ['set', 'dnsservers', `name=${index}`, 'source=static', `address=${first}`];
  return [
    netsh(...start, ...set, 'validate=no', 'register=both'),
    ...more.map((server) =>
      netsh(...start, 'add', 'dnsservers', `name=${index}`, `address=${server}`, 'validate=no'),
    ),
  ];
}

export async function setDns(
  helper: IpHelper,
  run: ProgramRunner,
  guid: Uint8Array,
  family: Family,
  dns: DnsSettings,
): Promise<void> {
  if (helper.setsDns) return helper.setDns(guid, family, dns);
  const index = helper.indexOf(helper.luidOfGuid(guid));
  for (const command of netshDnsCommands(index, family, dns.servers))
    await run(command).catch((error: unknown) => {
      // When there is nothing to remove, netsh prints an error in the system's language.
      if (dns.servers.length > 0) throw error;
    });
}

export function resetDnsCommand(guid: Uint8Array, family: Family): Command {
  return { argv: [RESET_DNS, String(family), guidText(guid)] };
}

/** Runs a `resetDnsCommand`; an interface that is gone has nothing to reset. */
export async function resetDns(
  helper: IpHelper,
  run: ProgramRunner,
  [family, guid = '']: readonly string[],
): Promise<void> {
  const wanted = FAMILIES.find((known) => String(known) === family) ?? 4;
  try {
    await setDns(helper, run, guidBytes(guid), wanted, NO_DNS);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}
