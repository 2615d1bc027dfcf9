import type { Command } from '../../system/commands.js';
import { NetConfigError } from '../errors.js';
import { type Family, familyFlag, familyOf, splitPrefix } from '../family.js';
import { type Firewall, planSpoofGuard } from './firewall.js';
import type { PlannedStep } from './step.js';

/** Priority of the kernel's rule for the main table, which the tunnel's rules must precede. */
const MAIN_RULE_PRIORITY = 32_766;

export interface DefaultRoute {
  readonly interfaceName: string;
  /** `0.0.0.0/0` or `::/0`. */
  readonly destination: string;
  /** Addresses of both families, with prefix length. */
  readonly addresses: readonly string[];
  /** The mark of the tunnel's own UDP packets, which is also the number of the table. */
  readonly fwMark: number;
  /** Networks of the family that are excluded from it. */
  readonly excluded: readonly string[];
  readonly firewall: Firewall | undefined;
  /** Priorities of the family's present policy rules. */
  readonly rulePriorities: readonly number[];
}

/**
 * Routes everything except the tunnel's own packets into the tunnel, as wg-quick(8) does: unmarked
 * packets follow the main table for routes more specific than a default route, then the tunnel's own
 * table.
 *
 * Both rules say `not fwmark` and have their own priorities. wg-quick's second rule is the same for all
 * tunnels; here each tunnel removes exactly its own, in whatever order they end. For marked packets,
 * which skip the rule, the main table comes later anyway.
 *
 * For excluded networks, the tunnel's table says `throw`: the lookup continues in the tables after it,
 * as if the tunnel did not exist, whatever routes those have then.
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

/** These routes belong to no interface, so they do not vanish with it. */
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
 * Returns the first of two adjacent priorities right before all present rules except that of the local
 * table (0), where the kernel would put new ones too; or, when there is no room, the last two that are
 * free.
 */
export function freeRulePriorities(taken: readonly number[]): number {
  const first = Math.min(MAIN_RULE_PRIORITY, ...taken.filter((priority) => priority > 0));
  if (first > 2) return first - 2;
  for (let priority = MAIN_RULE_PRIORITY - 2; priority > 0; priority--)
    if (!taken.includes(priority) && !taken.includes(priority + 1)) return priority;
  throw new NetConfigError('ERR_NETCONFIG', 'ip rule', 'no two adjacent priorities are free');
}
