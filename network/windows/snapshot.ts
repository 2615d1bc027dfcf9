import type { Family } from '../family.js';
import type { Snapshot, Way } from './choose.js';
import type { IpHelper } from './iphelper.js';

/** Reads the current tables; each interface is queried once, and only when it matters. */
export function takeSnapshot(helper: IpHelper): Snapshot {
  const known = new Map<string, Way | undefined>();
  return {
    routes: helper.routes(),
    way(luid, family) {
      const key = `${luid} ${family}`;
      if (!known.has(key)) known.set(key, wayOf(helper, luid, family));
      return known.get(key);
    },
  };
}

function wayOf(helper: IpHelper, luid: bigint, family: Family): Way | undefined {
  const row = helper.interface(luid);
  const ip = helper.ipInterface(luid, family);
  if (!row || !ip) return undefined;
  const { index, isUp } = row;
  return { index, isUp, metric: ip.metric, mtu: ip.mtu > 0 ? Math.min(row.mtu, ip.mtu) : row.mtu };
}
