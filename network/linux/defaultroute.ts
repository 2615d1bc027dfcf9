import type { Command } from '../../system/commands.js';
import { NetConfigError } from '../errors.js';
import { type Family, familyFlag, familyOf, splitPrefix } from '../family.js';
import { type Firewall, planSpoofGuard } from './firewall.js';
import type { PlannedStep } from './step.js';

/** The kernel's rule of the main table, which our rules must precede. */
const MAIN_RULE_PRIORITY = 32_766;

export interface DefaultRoute {
  readonly interfaceName: string;
  /** `0.0.0.0/0` or `::/0`. */
  readonly destination: string;
  /** With prefix length, of both families. */
  readonly addresses: readonly string[];
  /** The mark of the tunnel's own UDP, and the number of the table. */
  readonly fwMark: number;
  /** Networks of the family that are left out of it. */
  readonly excluded: readonly string[];
  readonly firewall: Firewall | undefined;
  /** Priorities of the family's present policy rules. */
  readonly rulePriorities: readonly number[];
}

/**
 * wg-quick(8)'s way to route everything but the tunnel's own packets into the tunnel: unmarked
 * packets follow the main table as far as it knows better than a default route, then the tunnel's
 * own table.
 *
 * Both rules say `not fwmark` and have priorities of their own, unlike wg-quick's, whose second rule
 * is the same for all tunnels: so each tunnel removes exactly its own, in whatever order they end.
 * For marked packets, which skip the rule, the main table comes later anyway.
 *
 * For networks that are left out, the tunnel's table says `throw`: the look-up goes on in the tables
 * after it, as if the tunnel were not there, whatever routes those have then.
 */
export function planDefaultRoute(route: DefaultRoute): PlannedStep[] {
  const { interfaceName, destination, fwMark } = route;
  const family = familyOf(destination);
  const table = String(fwMark);
  const mainPriority = freeRulePriorities(route.rulePriorities);
  const ip = ['ip', familyFlag(family)];
  const mark = ['not', 'fwmark', table];
  return [
    ...(route.firewall === undefined
      ? []
      : planSpoofGuard(route.firewall, {
          interfaceName,
          family,
          fwMark,
          addresses: addressesOf(family, route.addresses),
        })),
    {
      command: { argv: [...ip, 'route', 'add', destination, 'dev', interfaceName, 'table', table] },
      undo: [],
    },
    ...leaveOut(ip, route.excluded, table),
    rule(ip, mainPriority, [...mark, 'table', 'main', 'suppress_prefixlength', '0']),
    rule(ip, mainPriority + 1, [...mark, 'table', table]),
  ];
}

/** Such routes belong to no interface, so they do not vanish with it. */
function leaveOut(
  ip: readonly string[],
  networks: readonly string[],
  table: string,
): PlannedStep[] {
  if (networks.length === 0) return [];
  const stdin = networks.map((network) => `route add throw ${network} table ${table}\n`).join('');
  return [
    {
      command: { argv: [...ip, '-batch', '-'], stdin },
      undo: [{ argv: [...ip, 'route', 'flush', 'type', 'throw', 'table', table] }],
    },
  ];
}

function rule(ip: readonly string[], priority: number, selector: readonly string[]): PlannedStep {
  const command = (verb: 'add' | 'delete'): Command => ({
    argv: [...ip, 'rule', verb, 'priority', String(priority), ...selector],
  });
  return { command: command('add'), undo: [command('delete')] };
}

function addressesOf(family: Family, addresses: readonly string[]): string[] {
  return addresses
    .filter((address) => familyOf(address) === family)
    .map((address) => splitPrefix(address).address);
}

/**
 * The first of two adjacent priorities right before all present rules but the local table's (0),
 * where the kernel would put new ones too; or, when there is no room, the last ones free.
 */
export function freeRulePriorities(taken: readonly number[]): number {
  const first = Math.min(MAIN_RULE_PRIORITY, ...taken.filter((priority) => priority > 0));
  if (first > 2) return first - 2;
  for (let priority = MAIN_RULE_PRIORITY - 2; priority > 0; priority--)
    if (!taken.includes(priority) && !taken.includes(priority + 1)) return priority;
  throw new NetConfigError('ERR_NETCONFIG', 'ip rule', 'no two free priorities side by side');
}
