import { beforeEach, describe, expect, it } from 'vitest';
import { type Result, runChecks } from '../../cli/selftest/check.js';
import type { Machine } from '../../cli/selftest/machine.js';
import { networkChecks } from '../../cli/selftest/network.js';
import type { InterfaceSettings, NetConfig, NetStep } from '../../network/netconfig.js';
import { MemoryTun } from '../../tun/memory.js';

const NAME = 'wg-ts-selftest';

/** What the system has, by kind; `broken` does not do what it is asked for. */
class FakeSystem implements Machine {
  readonly platform = 'win32';
  readonly broken = new Set<string>();
  readonly there = new Map<string, Set<string>>();
  readonly warnings: string[] = [];
  applied: InterfaceSettings[] = [];
  /** Windows does not like it. */
  lostRoutes = false;

  readonly look: Machine['look'] = {
    interfaces: async () => this.#text('interfaces'),
    addresses: async () => this.#text('addresses'),
    routes: async () => this.#text('routes'),
    dnsServers: async () => this.#text('dns'),
    filters: async () => this.#text('filters'),
    refusalElsewhere: async () => (this.broken.has('block') ? undefined : 'EACCES'),
  };

  async isPrivileged(): Promise<boolean> {
    return true;
  }

  async driver(): Promise<string | undefined> {
    return this.broken.has('driver') ? undefined : 'fake';
  }

  async openTun(name: string): Promise<MemoryTun & { readonly luid: bigint }> {
    this.#add('interfaces', `${name} 1396`);
    const close = (): void => {
      if (this.broken.has('close')) return;
      this.lostRoutes ||= this.there.has('routes');
      for (const kind of ['interfaces', 'addresses', 'routes']) this.there.delete(kind);
    };
    return Object.assign(new MemoryTun({ name }), { luid: 0x6000n, close });
  }

  async netConfig(): Promise<NetConfig> {
    return {
      mtuTowards: async () => undefined,
      freeTable: async () => 0,
      plan: async (settings) => {
        this.applied.push(settings);
        return { steps: this.#steps(settings), warnings: this.warnings };
      },
      undo: async (commands, onError) => {
        for (const { argv } of commands) {
          if (this.broken.has('undo')) onError(new Error(`${argv.join(' ')}: refused`));
          else this.there.delete(argv[0] ?? '');
        }
      },
    };
  }

  #steps({ addresses, routes, dnsServers }: InterfaceSettings): NetStep[] {
    const step = (
      kind: string,
      values: readonly string[],
      more: Partial<NetStep> = {},
    ): NetStep => ({
      describe: kind,
      apply: async () => {
        if (!this.broken.has(kind)) this.#add(kind, ...values);
      },
      undo: [],
      ...more,
    });
    return [
      step('addresses', addresses, { revert: () => void this.there.delete('addresses') }),
      step('routes', routes, { revert: () => void this.there.delete('routes') }),
      step('dns', dnsServers, { undo: [{ argv: ['dns'] }] }),
    ];
  }

  async killSwitch(luid: bigint): Promise<{ open(): void; close(): void }> {
    expect(luid).toBe(0x6000n);
    return {
      open: () => {
        if (!this.broken.has('filters')) this.#add('filters', 'wg-ts: Block all else');
      },
      close: () => this.#revertFilters(),
    };
  }

  #revertFilters(): void {
    if (!this.broken.has('revert')) this.there.delete('filters');
  }

  #add(kind: string, ...values: string[]): void {
    this.there.set(kind, new Set([...(this.there.get(kind) ?? []), ...values]));
  }

  #text(kind: string): string {
    return [...(this.there.get(kind) ?? [])].join('\n');
  }
}

describe('the checks of the network', () => {
  let system: FakeSystem;

  beforeEach(() => {
    system = new FakeSystem();
  });

  async function results(): Promise<Record<string, Result>> {
    const all = await runChecks(networkChecks(system, NAME, [], 0));
    return Object.fromEntries(all.map((result) => [result.name, result]));
  }

  it('are all ok on a system that does what it is asked, and leave nothing behind', async () => {
    const all = await results();
    expect(Object.values(all).map(({ state }) => state)).toEqual(Array(5).fill('ok'));
    expect(all['interface']?.detail).toBe(`${NAME}, LUID 0x6000, driver fake`);
    expect([...system.there.keys()]).toEqual([]);
    expect(system.lostRoutes).toBe(false);
    expect(system.applied.every(({ luid }) => luid === 0x6000n)).toBe(true);
  });

  it('report warnings', async () => {
    system.warnings.push('no IPv6 here');
    expect((await results())['addresses, routes and MTU']?.detail).toContain('no IPv6 here');
  });

  it.each([
    ['driver', 'interface', /driver does not run/],
    [
      'addresses',
      'addresses, routes and MTU',
      /missing after it was set.*192\.0\.2\.1, 2001:db8:5e1f::1/,
    ],
    ['routes', 'addresses, routes and MTU', /missing after it was set.*192\.0\.2\.128\/25/],
    ['dns', 'DNS', /of 192\.0\.2\.53, .* only these are set: $/],
    ['undo', 'DNS', /refused/],
    ['filters', 'kill switch', /no filter of wg-ts/],
    ['revert', 'kill switch', /1 filters are left/],
    ['block', 'kill switch', /could be sent outside the tunnel/],
    ['close', 'interface removed', /still there/],
  ])('notice that %s fails', async (what, name, reason) => {
    system.broken.add(what);
    const result = (await results())[name];
    expect(result?.state).toBe('failed');
    expect(result?.detail).toMatch(reason);
  });

  it('do not use an interface that already exists', async () => {
    await system.openTun(NAME);
    const all = await results();
    expect(all['interface']).toMatchObject({ state: 'failed' });
    expect(all['interface']?.detail).toContain('already exists');
    expect(system.there.get('interfaces')?.size).toBe(1);
  });

  it('wait a moment for what takes effect later', async () => {
    const { interfaces } = system.look;
    let looks = 0;
    const late = async (): Promise<string> => (++looks === 2 ? '' : await interfaces());
    const slow = Object.assign(system, { look: { ...system.look, interfaces: late } });
    const [first] = await runChecks(networkChecks(slow, NAME, [], 1000));
    expect(first?.state).toBe('ok');
    expect(looks).toBeGreaterThan(2);
  });

  it('notice another MTU', async () => {
    const { openTun } = system;
    system.openTun = async (name) => {
      const tun = await openTun.call(system, name);
      system.there.set('interfaces', new Set([`${name} 1500`]));
      return tun;
    };
    expect((await results())['addresses, routes and MTU']?.detail).toMatch(/MTU is not 1396/);
  });
});
