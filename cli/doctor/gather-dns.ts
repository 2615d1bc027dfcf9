/** Gathers how names are resolved on this machine, and changes nothing. */
import { findDnsManager } from '../../network/linux/dns.js';
import { ResolvConf } from '../../network/linux/resolvconf/resolvconf.js';
import type { System } from '../../system/commands.js';
import type { DnsFacts } from './facts.js';

export async function gatherDns(system: System): Promise<DnsFacts> {
  const file = new ResolvConf(system.run);
  const manager = await findDnsManager(system, file);
  const { servers, isManaged, writtenFor = [] } = file.state();
  return {
    way: manager.type,
    ...('fixed' in manager && manager.fixed && { fixed: manager.fixed.reason }),
    servers,
    isManaged,
    writtenFor,
  };
}
