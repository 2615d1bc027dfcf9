/** Checks a real interface and everything that is configured on it, without a tunnel. */
import type { InterfaceSettings, NetStep } from '../../network/netconfig.js';
import type { UndoStack } from '../../src/undo.js';
import type { Tun } from '../../tun/tun.js';
import { becomesTrue } from '../until.js';
import { type Check, failed, type Outcome, ok, reasonOf, skipped } from './check.js';
import type { Machine } from './machine.js';

/** Documentation addresses (RFC 5737, RFC 3849): no host has them, and nothing else is sent to them. */
export const NETWORK = {
  addresses: ['192.0.2.1/25', '2001:db8:5e1f::1/64'],
  routes: ['192.0.2.128/25', '2001:db8:5e1f:1::/64'],
  dnsServers: ['192.0.2.53', '2001:db8:5e1f::53'],
  /** Different from any MTU that would be chosen automatically. */
  mtu: 1396,
} as const;

const LOOK_AGAIN_MS = 200;

/** The prefix of the names of all filters of wg-ts. */
const FILTER_NAME = 'wg-ts: ';

export const PRIVILEGE = 'privileges';
export const INTERFACE = 'interface';
const ADDRESSES = 'addresses, routes and MTU';

/** Returns the checks in order; `needs` are those of the interface. */
export function networkChecks(
  machine: Machine,
  name: string,
  needs: readonly string[],
  patienceMs?: number,
): readonly Check[] {
  const { look } = machine;
  const patience = { turnMs: LOOK_AGAIN_MS, ...(patienceMs !== undefined && { patienceMs }) };
  /** Windows completes some changes only shortly after it reports success. */
  const until = (isTrue: () => Promise<boolean>): Promise<boolean> => becomesTrue(isTrue, patience);
  const isThere = async (): Promise<boolean> => (await look.interfaces()).includes(name);
  const isGone = async (): Promise<boolean> => !(await isThere());
  let tun: Tun | undefined;
  let takeBack: () => Promise<void> = async () => undefined;
  const settings = (): InterfaceSettings => ({
    ...NOTHING,
    name,
    ...(tun?.luid !== undefined && { luid: tun.luid }),
    addresses: NETWORK.addresses,
    routes: NETWORK.routes,
    mtu: NETWORK.mtu,
  });

  return [
    {
      name: INTERFACE,
      needs,
      async run({ undo }) {
        if (await isThere())
          return failed(
            `${name} already exists`,
            'end the other selftest, or remove the interface',
          );
        tun = await machine.openTun(name);
        undo.push(`the interface ${name}`, () => tun?.close());
        if (!(await until(isThere))) return failed(`the system does not list ${name}`);
        const driver = await machine.driver();
        if (driver === undefined)
          return failed('its driver does not run although the interface exists');
        const luid = tun.luid === undefined ? [] : [`LUID 0x${tun.luid.toString(16)}`];
        return ok([name, ...luid, `driver ${driver}`].join(', '));
      },
    },
    {
      name: ADDRESSES,
      needs: [INTERFACE],
      async run({ undo }) {
        const { addresses, routes, mtu } = NETWORK;
        const applied = await apply(machine, settings(), undo, () => true);
        takeBack = applied.takeBack;
        const missing = async (): Promise<string[]> => [
          ...missingIn(await look.addresses(name), addresses.map(withoutLength)),
          ...missingIn(await look.routes(name), routes),
        ];
        if (!(await until(async () => (await missing()).length === 0)))
          return failed(`missing after it was set: ${(await missing()).join(', ')}`);
        const line = (await look.interfaces()).split('\n').find((text) => text.includes(name));
        if (!line?.includes(String(mtu))) return failed(`the MTU is not ${mtu}: ${line?.trim()}`);
        return ok([...addresses, ...routes, `MTU ${mtu}`, ...applied.warnings].join(', '));
      },
    },
    {
      name: 'DNS',
      needs: [ADDRESSES],
      async run({ undo }) {
        if (machine.platform !== 'win32')
          return skipped('it would change the name servers of the whole machine');
        const { dnsServers } = NETWORK;
        // Of all steps, only those for DNS need commands to undo them.
        const isDns = (step: NetStep): boolean => step.undo.length > 0;
        const applied = await apply(machine, { ...settings(), dnsServers }, undo, isDns);
        const present = async (): Promise<string[]> =>
          presentIn(await look.dnsServers(name), dnsServers);
        const isSet = await until(async () => (await present()).length === dnsServers.length);
        const seen = await present();
        await applied.takeBack();
        if (!isSet)
          return failed(`of ${dnsServers.join(', ')} only these are set: ${seen.join(', ')}`);
        if (!(await until(async () => (await present()).length === 0)))
          return failed(`still set after it was undone: ${(await present()).join(', ')}`);
        return ok(`${dnsServers.join(', ')} set and removed`);
      },
    },
    {
      name: 'kill switch',
      needs: [INTERFACE],
      run: ({ undo }) => checkKillSwitch(machine, tun?.luid, undo),
    },
    {
      name: 'interface removed',
      needs: [INTERFACE],
      async run() {
        await takeBack();
        tun?.close();
        if (!(await until(isGone))) return failed(`${name} is still there`);
        const left = presentIn(await look.routes(name), NETWORK.routes);
        if (left.length > 0) return failed(`routes are still there: ${left.join(', ')}`);
        return ok('along with its addresses and routes');
      },
    },
  ];
}

const NOTHING = {
  table: 'auto',
  fwMark: 0,
  dnsServers: [],
  dnsSearch: [],
  endpoints: [],
  listenPort: 0,
} as const;

interface Applied {
  readonly warnings: readonly string[];
  /** Undoes the changes. Idempotent; whatever fails to be undone is retried at the end of the selftest. */
  takeBack(): Promise<void>;
}

async function apply(
  machine: Machine,
  settings: InterfaceSettings,
  undo: UndoStack,
  isWanted: (step: NetStep) => boolean,
): Promise<Applied> {
  const system = await machine.netConfig();
  const { steps, warnings } = await system.plan(settings);
  const done: NetStep[] = [];
  const takeBack = async (): Promise<void> => {
    const errors: string[] = [];
    for (const step of done.splice(0).reverse()) {
      step.revert?.();
      await system.undo(step.undo, (error) => errors.push(reasonOf(error)));
    }
    if (errors.length > 0) throw new Error(errors.join('; '));
  };
  undo.push('what a check had set', takeBack);
  for (const step of steps.filter(isWanted)) {
    done.push(step);
    await step.apply();
  }
  if (done.length === 0) throw new Error('nothing would be set');
  return { warnings, takeBack };
}

/** Checks only the filters, without the default route, as the tunnel leads nowhere. */
async function checkKillSwitch(
  machine: Machine,
  luid: bigint | undefined,
  undo: UndoStack,
): Promise<Outcome> {
  const { look } = machine;
  if (!machine.killSwitch || luid === undefined)
    return skipped('the firewall filters are for Windows');
  const count = async (): Promise<number> =>
    (await look.filters()).split('\n').filter((line) => line.includes(FILTER_NAME)).length;
  const before = await count();
  const filters = await machine.killSwitch(luid);
  undo.push('the kill switch', () => filters.close());
  filters.open();
  const during = await count();
  const refusal = await look.refusalElsewhere();
  filters.close();
  const after = await count();
  if (during <= before) return failed('there is no filter of wg-ts while it is on');
  if (after !== before) return failed(`${after - before} filters are left after it was turned off`);
  if (refusal === undefined)
    return failed('a datagram could be sent outside the tunnel while it was on');
  return ok(`${during - before} filters while on, none after; outside the tunnel: ${refusal}`);
}

/** Compares whole words: 192.0.2.1 is not in 192.0.2.128. */
function presentIn(text: string, wanted: readonly string[]): string[] {
  const words = text.split(/[^0-9a-f.:/]+/i).flatMap((word) => [word, withoutLength(word)]);
  const present = new Set(words);
  return wanted.filter((one) => present.has(one));
}

function missingIn(text: string, wanted: readonly string[]): string[] {
  const present = presentIn(text, wanted);
  return wanted.filter((one) => !present.includes(one));
}

function withoutLength(prefix: string): string {
  return prefix.replace(/\/\d+$/, '');
}
