import type { Command } from '../../system/commands.js';
import { isGone } from '../../system/windows/callerror.js';
import { guidBytes, guidText } from '../../system/windows/guid.js';
import { FAMILIES, type Family } from '../family.js';
import type { DnsSettings, IpHelper } from './iphelper.js';
import { netsh, type ProgramRunner } from './programs.js';

/** Takes what was set away again, in this process or a later one. */
export const RESET_DNS = 'wg-ts:reset-dns';

const NO_DNS: DnsSettings = { servers: [], search: [] };

/** Before Windows 10 version 1809, one after the other. By index: a name may need quoting. */
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
      // It complains, in any language, when there is nothing to take away.
      if (dns.servers.length > 0) throw error;
    });
}

export function resetDnsCommand(guid: Uint8Array, family: Family): Command {
  return { argv: [RESET_DNS, String(family), guidText(guid)] };
}

/** What a `resetDnsCommand` stands for; an interface that is gone has nothing to reset. */
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
