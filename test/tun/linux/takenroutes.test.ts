import { describe, expect, it } from 'vitest';
import { refuseTakenRoutes } from '../../../network/linux/takenroutes.js';
import type { InterfaceSettings } from '../../../network/netconfig.js';

const settings: InterfaceSettings = {
  name: 'office',
  addresses: [],
  mtu: 1420,
  routes: [],
  table: 'auto',
  fwMark: 0,
  dnsServers: [],
  dnsSearch: [],
  endpoints: [],
  listenPort: 51820,
};

/** The rows of each table, by family and name: `4 main`. */
type Tables = Readonly<Record<string, readonly object[]>>;

async function refusal(
  change: Partial<InterfaceSettings>,
  tables: Tables,
): Promise<string | undefined> {
  try {
    await refuseTakenRoutes(
      async ({ argv }) => {
        const [, , family = '', , , , table = ''] = argv;
        const rows = tables[`${family.slice(1)} ${table}`] ?? [];
        return { status: 0, stdout: JSON.stringify(rows), stderr: '' };
      },
      { ...settings, ...change },
    );
    return undefined;
  } catch (error) {
    expect(error).toMatchObject({ name: 'NetConfigError', code: 'ERR_ROUTE_IN_USE' });
    return (error as Error).message;
  }
}

describe('a route that another interface has', () => {
  it.each<[string, Partial<InterfaceSettings>, Tables, string]>([
    [
      'in the main table',
      { routes: ['10.1.0.0/16'] },
      { '4 main': [{ dst: '10.1.0.0/16', dev: 'home' }] },
      'ip -4 route add 10.1.0.0/16 dev office: interface home already has the route 10.1.0.0/16',
    ],
    [
      'of a host, which ip(8) shows without a length',
      { routes: ['10.1.0.1/32', 'fd00::1/128'] },
      { '6 main': [{ dst: 'fd00::1', dev: 'home', metric: 1024 }] },
      'ip -6 route add fd00::1/128 dev office: interface home already has the route fd00::1/128',
    ],
    [
      'in a table by number',
      { routes: ['0.0.0.0/0'], table: 7 },
      { '4 7': [{ dst: 'default', dev: 'home' }] },
      'ip -4 route add 0.0.0.0/0 dev office table 7: interface home already has the route 0.0.0.0/0 in table 7',
    ],
    [
      'in the table of the mark',
      { routes: ['::/0'], fwMark: 99 },
      { '6 99': [{ dst: 'default', dev: 'home', metric: 1024 }] },
      'ip -6 route add ::/0 dev office table 99: interface home already has the route ::/0 in table 99',
    ],
    [
      'that comes with the IPv6 address',
      { routes: ['fd00::/64'], addresses: ['fd00::2/64'] },
      { '6 main': [{ dst: 'fd00::/64', dev: 'home', metric: 256 }] },
      'ip -6 route add fd00::/64 dev office: interface home already has the route fd00::/64',
    ],
  ])('is refused: %s', async (_what, change, tables, message) => {
    expect(await refusal(change, tables)).toBe(message);
  });

  it.each<[string, Partial<InterfaceSettings>, Tables]>([
    [
      'is another network',
      { routes: ['10.1.0.0/16'] },
      { '4 main': [{ dst: '10.1.0.0/17', dev: 'a' }] },
    ],
    [
      'is our own',
      { routes: ['10.1.0.0/16'] },
      { '4 main': [{ dst: '10.1.0.0/16', dev: 'office' }] },
    ],
    [
      'counts less, so that ours is followed',
      { routes: ['10.1.0.0/16', 'fd00::/64'] },
      {
        '4 main': [{ dst: '10.1.0.0/16', dev: 'a', metric: 100 }],
        '6 main': [{ dst: 'fd00::/64', dev: 'a', metric: 256 }],
      },
    ],
    [
      'is the way out',
      { routes: ['0.0.0.0/0'], fwMark: 5 },
      { '4 main': [{ dst: 'default', dev: 'a' }] },
    ],
    [
      'is in another table',
      { routes: ['10.1.0.0/16'], table: 8 },
      { '4 main': [{ dst: '10.1.0.0/16', dev: 'a' }] },
    ],
    [
      'is of no interest',
      { routes: ['10.1.0.0/16'], table: 'off' },
      { '4 main': [{ dst: '10.1.0.0/16', dev: 'a' }] },
    ],
    [
      'has no interface',
      { routes: ['10.1.0.0/16'] },
      { '4 main': [{ dst: '10.1.0.0/16', type: 'throw' }] },
    ],
  ])('is no obstacle when it %s', async (_what, change, tables) => {
    expect(await refusal(change, tables)).toBeUndefined();
  });

  it('is not looked for by a tunnel without routes', async () => {
    await refuseTakenRoutes(() => {
      throw new Error('nothing is to be asked');
    }, settings);
  });
});
