import { FAMILIES } from '../family.js';
import { defaultRoute } from './choose.js';
import { IpHelper } from './iphelper.js';
import { takeSnapshot } from './snapshot.js';

/** Returns the machine's network settings for one interface, a line each, for a report. */
export function describeNetwork(luid: bigint): string[] {
  const helper = new IpHelper();
  const row = helper.interface(luid);
  if (!row) return ['there is no such interface'];
  const snapshot = takeSnapshot(helper);
  const lines = [`interface ${row.alias}, index ${row.index}, ${row.isUp ? 'up' : 'down'}`];
  for (const family of FAMILIES) {
    const ip = helper.ipInterface(luid, family);
    lines.push(`IPv${family}: ${ip ? `MTU ${ip.mtu}, metric ${ip.metric}` : 'not spoken'}`);
  }
  for (const { address, length } of helper.addresses().filter((held) => held.luid === luid))
    lines.push(`address ${address}/${length}`);
  for (const route of snapshot.routes.filter((held) => held.luid === luid && held.isManual))
    lines.push(`route ${route.destination}/${route.length} metric ${route.metric}`);
  for (const family of FAMILIES) {
    const other = defaultRoute(snapshot, family, luid);
    const holder = other && helper.interface(other.luid);
    const way = holder ? `${holder.alias} through ${other.nextHop}` : 'none';
    lines.push(`IPv${family} default route past the tunnel: ${way}`);
  }
  lines.push(`DNS is set by ${helper.setsDns ? 'SetInterfaceDnsSettings' : 'netsh'}`);
  return lines;
}
