import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type {
  InterfaceSettings,
  NetConfig,
  NetStep,
  NetWatch,
} from '../../../network/netconfig.js';
import { CONDITIONS, LAYERS } from '../../../network/windows/firewall-structs.js';
import { windowsNetConfig } from '../../../network/windows/netconfig.js';
import type { Endpoint } from '../../../protocol/dataplane.js';
import { applyAll, everything, PEER, settings, setUpMachine, TUNNEL, undoAll } from './machine.js';
import { type FilterState, FirewallDouble, NetworkDouble } from './network-double.js';

const network = new NetworkDouble();
const firewall = new FirewallDouble();
const SERVICE = 'S-1-5-80-1-2-3-4-5';
const listener = { onBindInterface: () => undefined, onMtu: () => undefined };
const watching = { bindsSockets: true, followMtu: false };

let up: { config: NetConfig; steps: readonly NetStep[]; watch?: NetWatch | undefined } | undefined;

beforeEach(() => setUpMachine(network));

afterEach(async () => {
  up?.watch?.close();
  if (up) await undoAll(up.config, up.steps);
  up = undefined;
  expect(firewall.state()).toMatchObject({ open: 0, filters: [] });
  expect(firewall.allocated()).toBe(0);
});

async function bringUp(wanted: InterfaceSettings, serviceSid?: string): Promise<void> {
  const warnings: string[] = [];
  const config = windowsNetConfig({ serviceSid, onWarning: (message) => warnings.push(message) });
  const { steps } = await applyAll(config, wanted);
  up = { config, steps, watch: config.watch?.(wanted, watching, listener) };
  expect(warnings).toEqual([]);
}

/** What Windows would decide about a packet: the filter that matches with the greatest weight. */
interface Packet {
  readonly direction: 'connect' | 'accept';
  readonly appId?: string;
  readonly protocol?: number;
  readonly localPort?: number;
  readonly remotePort?: number;
  readonly localAddress?: string;
  readonly remoteAddress: string;
  readonly luid?: bigint;
  readonly isLoopback?: boolean;
}

const UDP = 17;
const TCP = 6;
const ICMPV6 = 58;
const OWN_APP = Buffer.from(`${process.execPath}\0`, 'utf16le').toString('hex');

function hexOf(address: string): string {
  if (address.includes('.')) return Buffer.from(address.split('.').map(Number)).toString('hex');
  const [head = '', tail] = address.split('::');
  const groups = (text: string | undefined): string[] => (text ? text.split(':') : []);
  const [start, end] = [groups(head), groups(tail)];
  const middle: string[] = Array(8 - start.length - end.length).fill('0');
  return [...start, ...middle, ...end].map((group) => group.padStart(4, '0')).join('');
}

function matches(
  packet: Packet,
  { fieldKey, type, value, length }: FilterState['conditions'][0],
): boolean {
  const is = (field: keyof typeof CONDITIONS): boolean => CONDITIONS[field] === fieldKey;
  const address = (text: string | undefined): boolean => {
    if (text === undefined) return false;
    if (type === 3) return Number.parseInt(hexOf(text), 16) === value;
    if (type === 0x101)
      return length === 10 && value === hexOf('fe80::') && /^fe[89ab]/.test(hexOf(text));
    return hexOf(text) === value;
  };
  if (is('flags')) return packet.isLoopback === true;
  if (is('protocol')) return packet.protocol === value;
  if (is('localPort')) return packet.localPort === value;
  if (is('remotePort')) return packet.remotePort === value;
  if (is('localAddress')) return address(packet.localAddress);
  if (is('remoteAddress')) return address(packet.remoteAddress);
  if (is('localInterface')) return String(packet.luid) === value;
  if (is('appId')) return packet.appId === value;
  if (is('userId')) return packet.appId === OWN_APP;
  throw new Error(`unknown condition ${fieldKey}`);
}

function decide(packet: Packet): 'permit' | 'block' {
  const family = packet.remoteAddress.includes(':') ? 6 : 4;
  const layer = LAYERS[packet.direction][family];
  const [first] = firewall
    .state()
    .filters.filter(({ layerKey }) => layerKey === layer)
    .filter(({ conditions }) => {
      const fields = new Set(conditions.map(({ fieldKey }) => fieldKey));
      return [...fields].every((field) =>
        conditions.some((one) => one.fieldKey === field && matches(packet, one)),
      );
    })
    .toSorted((a, b) => b.weight - a.weight);
  expect([0x1001, 0x1002]).toContain(first?.action);
  return first?.action === 0x1002 ? 'permit' : 'block';
}

const toPeer: Packet = {
  direction: 'connect',
  appId: OWN_APP,
  protocol: UDP,
  localPort: 51820,
  remotePort: PEER.port,
  remoteAddress: PEER.address,
};

describe('the kill switch', () => {
  it('has a dynamic session, a provider and the highest sublayer of its own', async () => {
    await bringUp(everything);
    const { session, provider, sublayer, commits, inTransaction, filters } = firewall.state();
    expect(session).toEqual({
      sessionKey: '00000000-0000-0000-0000-000000000000',
      name: 'wg-ts',
      description: '',
      username: null,
      sid: 0,
      kernelMode: 0,
      processId: 0,
      flags: 1,
      txnWaitTimeoutInMSec: 15000,
    });
    expect(provider).toMatchObject({ name: 'wg-ts', serviceName: null, providerData: 0, flags: 0 });
    expect(sublayer).toMatchObject({ weight: 0xffff, flags: 0, providerData: 0 });
    expect(sublayer?.['providerKey']).toBe(provider?.['providerKey']);
    expect(provider?.['providerKey']).not.toBe(sublayer?.['subLayerKey']);
    expect(commits).toBeGreaterThan(0);
    expect(inTransaction).toBe(0);
    // Own 2 and 1 endpoint, DNS 4 + 4, loopback 4, tunnel 4, DHCP 4, NDP 7, the rest 4.
    expect(filters.length).toBe(34);
  });

  it('writes a filter field by field', async () => {
    await bringUp(everything);
    const { filters, provider, sublayer } = firewall.state();
    const own = filters.find(({ name }) => name.includes('WireGuard to'));
    expect(own).toEqual({
      id: expect.any(Number),
      filterKey: '00000000-0000-0000-0000-000000000000',
      name: 'wg-ts: Permit WireGuard to 203.0.113.7 port 51820 (IPv4 connect)',
      description: '',
      flags: 8,
      providerKey: provider?.['providerKey'],
      providerData: 0,
      layerKey: 'c38d57d1-05a7-4c33-904f-7fbceee60e82',
      subLayerKey: sublayer?.['subLayerKey'],
      weightType: 1,
      weight: 15,
      action: 0x1002,
      rawContext: 0,
      reserved: 0,
      effectiveWeight: 0,
      conditions: [
        { fieldKey: CONDITIONS.appId, matchType: 0, type: 12, value: OWN_APP },
        { fieldKey: CONDITIONS.protocol, matchType: 0, type: 1, value: UDP },
        { fieldKey: CONDITIONS.localPort, matchType: 0, type: 2, value: 51820 },
        { fieldKey: CONDITIONS.remoteAddress, matchType: 0, type: 3, value: 0xcb007107 },
        { fieldKey: CONDITIONS.remotePort, matchType: 0, type: 2, value: 51820 },
      ],
    });
    const loopback = filters.filter(({ name }) => name.includes('loopback'));
    expect(loopback.map(({ weight, flags, conditions }) => [weight, flags, conditions])).toEqual(
      Array(4).fill([13, 0, [{ fieldKey: CONDITIONS.flags, matchType: 6, type: 3, value: 1 }]]),
    );
    const tunnel = filters.find(({ name }) => name.includes('Permit the tunnel'));
    expect(tunnel?.conditions).toEqual([
      { fieldKey: CONDITIONS.localInterface, matchType: 0, type: 4, value: String(TUNNEL) },
    ]);
    const rest = filters.filter(({ weight }) => weight === 0);
    expect(rest.map(({ layerKey, conditions, action }) => [layerKey, conditions, action])).toEqual(
      [LAYERS.connect[4], LAYERS.accept[4], LAYERS.connect[6], LAYERS.accept[6]].map((layer) => [
        layer,
        [],
        0x1001,
      ]),
    );
  });

  it('blocks everything else', async () => {
    await bringUp(everything);
    const web: Packet = {
      direction: 'connect',
      protocol: TCP,
      remotePort: 443,
      remoteAddress: '198.51.100.1',
    };
    expect(decide(web)).toBe('block');
    expect(decide({ ...web, direction: 'accept' })).toBe('block');
    expect(decide({ ...web, remoteAddress: '2001:db8::1' })).toBe('block');
    expect(decide({ ...web, luid: TUNNEL })).toBe('permit');
    expect(decide({ ...web, luid: TUNNEL + 1n })).toBe('block');
    expect(decide({ ...web, remoteAddress: '127.0.0.1', isLoopback: true })).toBe('permit');
    expect(decide({ ...web, remoteAddress: '::1', isLoopback: true })).toBe('permit');
  });

  it('lets pass what the tunnel sends to a peer, and nothing else of this program', async () => {
    await bringUp(everything);
    expect(decide(toPeer)).toBe('permit');
    expect(decide({ ...toPeer, remotePort: 443 })).toBe('block');
    expect(decide({ ...toPeer, remoteAddress: '203.0.113.8' })).toBe('block');
    expect(decide({ ...toPeer, localPort: 1234 })).toBe('block');
    expect(decide({ ...toPeer, protocol: TCP })).toBe('block');
    expect(decide({ ...toPeer, appId: '00' })).toBe('block');
    const fromAnywhere = { ...toPeer, direction: 'accept', remoteAddress: '198.51.100.9' } as const;
    expect(decide(fromAnywhere)).toBe('permit');
    expect(decide({ ...fromAnywhere, localPort: 1234 })).toBe('block');
  });

  it('lets pass DHCP and what IPv6 needs of its neighbours', async () => {
    await bringUp(everything);
    const dhcp = { protocol: UDP, localPort: 68, remotePort: 67 };
    expect(decide({ ...dhcp, direction: 'connect', remoteAddress: '255.255.255.255' })).toBe(
      'permit',
    );
    expect(decide({ ...dhcp, direction: 'connect', remoteAddress: '198.51.100.1' })).toBe('block');
    expect(decide({ ...dhcp, direction: 'accept', remoteAddress: '192.168.1.1' })).toBe('permit');
    const dhcp6 = { protocol: UDP, localPort: 546, remotePort: 547, localAddress: 'fe80::5' };
    for (const [direction, remoteAddress, verdict] of [
      ['connect', 'ff02::1:2', 'permit'],
      ['connect', 'ff05::1:3', 'permit'],
      ['connect', '2001:db8::1', 'block'],
      ['accept', 'fe80::1', 'permit'],
      ['accept', '2001:db8::1', 'block'],
    ] as const)
      expect([remoteAddress, decide({ ...dhcp6, direction, remoteAddress })]).toEqual([
        remoteAddress,
        verdict,
      ]);
    const ndp = (type: number): Omit<Packet, 'direction' | 'remoteAddress'> => ({
      protocol: ICMPV6,
      localPort: type,
      remotePort: 0,
    });
    for (const [type, direction, remoteAddress, verdict] of [
      [133, 'connect', 'ff02::2', 'permit'],
      [133, 'accept', 'ff02::2', 'block'],
      [134, 'accept', 'fe80::1', 'permit'],
      [134, 'accept', '2001:db8::1', 'block'],
      [135, 'connect', '2001:db8::1', 'permit'],
      [135, 'accept', '2001:db8::1', 'permit'],
      [136, 'connect', '2001:db8::1', 'permit'],
      [137, 'accept', 'fe80::1', 'permit'],
      [137, 'connect', 'fe80::1', 'block'],
      [128, 'connect', 'fe80::1', 'block'],
    ] as const)
      expect([type, direction, decide({ ...ndp(type), direction, remoteAddress })]).toEqual([
        type,
        direction,
        verdict,
      ]);
  });

  it('lets DNS go to the configured servers only, through the tunnel too', async () => {
    await bringUp(everything);
    const dns = { direction: 'connect', remotePort: 53, luid: TUNNEL } as const;
    for (const protocol of [UDP, TCP]) {
      expect(decide({ ...dns, protocol, remoteAddress: '10.0.0.1' })).toBe('permit');
      expect(decide({ ...dns, protocol, remoteAddress: 'fd00::1' })).toBe('permit');
      expect(decide({ ...dns, protocol, remoteAddress: '8.8.8.8' })).toBe('block');
      expect(decide({ ...dns, protocol, remoteAddress: '2001:db8::53' })).toBe('block');
      expect(decide({ ...dns, protocol, direction: 'accept', remoteAddress: '8.8.8.8' })).toBe(
        'block',
      );
    }
  });

  it('does not treat DNS apart without configured servers', async () => {
    await bringUp({ ...everything, dnsServers: [] });
    const dns = {
      direction: 'connect',
      protocol: UDP,
      remotePort: 53,
      remoteAddress: '8.8.8.8',
    } as const;
    expect(decide({ ...dns, luid: TUNNEL })).toBe('permit');
    expect(decide(dns)).toBe('block');
  });

  it('blocks IPv6 DNS altogether when all servers have IPv4 addresses', async () => {
    await bringUp({ ...everything, dnsServers: ['10.0.0.1'] });
    const dns = { direction: 'connect', protocol: UDP, remotePort: 53, luid: TUNNEL } as const;
    expect(decide({ ...dns, remoteAddress: 'fd00::1' })).toBe('block');
    expect(decide({ ...dns, remoteAddress: '10.0.0.1' })).toBe('permit');
  });

  it('knows a service by its own account', async () => {
    await bringUp(everything, SERVICE);
    const own = firewall.state().filters.filter(({ name }) => name.includes('WireGuard'));
    expect(own.map(({ layerKey }) => layerKey)).toEqual([
      LAYERS.connect[4],
      LAYERS.accept[4],
      LAYERS.connect[6],
      LAYERS.accept[6],
    ]);
    for (const { conditions, weight, flags } of own) {
      expect([weight, flags]).toEqual([15, 8]);
      expect(conditions[0]).toMatchObject({ fieldKey: CONDITIONS.appId, value: OWN_APP });
      expect(conditions[1]).toMatchObject({ fieldKey: CONDITIONS.userId, type: 14, valid: 1 });
    }
    up?.watch?.setEndpoints([{ address: '198.51.100.1', port: 1 }]);
    up?.watch?.setListenPort(1);
    expect(firewall.state().filters.length).toBe(35);
  });
});

describe('the endpoints of the kill switch', () => {
  const roamed: Endpoint = { address: '2001:db8::9', port: 4500 };
  const toRoamed = { ...toPeer, remoteAddress: roamed.address, remotePort: roamed.port };

  it('follow the peers, in one transaction', async () => {
    await bringUp(everything);
    const { commits } = firewall.state();
    up?.watch?.setEndpoints([roamed]);
    expect([decide(toPeer), decide(toRoamed)]).toEqual(['block', 'permit']);
    expect(firewall.state().commits).toBe(commits + 1);
    up?.watch?.setEndpoints([roamed]);
    expect(firewall.state().commits).toBe(commits + 1);
    up?.watch?.setEndpoints([roamed, PEER, PEER]);
    expect([decide(toPeer), decide(toRoamed)]).toEqual(['permit', 'permit']);
    expect(firewall.state().filters.length).toBe(35);
  });

  it('follow the port that the tunnel listens on, in one transaction', async () => {
    await bringUp(everything);
    const { commits, filters } = firewall.state();
    const fromAnywhere = { ...toPeer, direction: 'accept', remoteAddress: '198.51.100.9' } as const;
    const moved = { localPort: 4567 };
    up?.watch?.setListenPort(moved.localPort);
    expect([decide(toPeer), decide(fromAnywhere)]).toEqual(['block', 'block']);
    expect(decide({ ...toPeer, ...moved })).toBe('permit');
    expect(decide({ ...fromAnywhere, ...moved })).toBe('permit');
    expect(firewall.state().commits).toBe(commits + 1);
    up?.watch?.setListenPort(moved.localPort);
    expect(firewall.state().commits).toBe(commits + 1);
    up?.watch?.setEndpoints([roamed]);
    expect([decide({ ...toPeer, ...moved }), decide({ ...toRoamed, ...moved })]).toEqual([
      'block',
      'permit',
    ]);
    expect(firewall.state().filters.length).toBe(filters.length);
  });

  it('stay as they are when the change fails, and change with the next one', async () => {
    const warnings: string[] = [];
    const config = windowsNetConfig({ onWarning: (message) => warnings.push(message) });
    const { steps } = await applyAll(config, everything);
    up = { config, steps, watch: config.watch?.(everything, watching, listener) };
    for (const name of ['FwpmFilterAdd0', 'FwpmFilterDeleteById0', 'FwpmTransactionCommit0']) {
      firewall.fail(name, 5, 0);
      up.watch?.setEndpoints([roamed]);
      expect([name, decide(toPeer), decide(toRoamed)]).toEqual([name, 'permit', 'block']);
      expect(firewall.state().inTransaction).toBe(0);
    }
    expect(warnings.map((text) => text.split(':')[0])).toEqual(
      Array(3).fill('cannot let packets to the peers pass'),
    );
    up.watch?.setEndpoints([roamed]);
    expect([decide(toPeer), decide(toRoamed)]).toEqual(['block', 'permit']);
  });
});

describe('there is a kill switch', () => {
  const cases: [string, boolean, Partial<InterfaceSettings>][] = [
    ['for 0.0.0.0/0', true, { routes: ['0.0.0.0/0'] }],
    ['for ::/0', true, { routes: ['::/0'] }],
    ['for a /0 beside others', true, { routes: ['10.0.0.0/8', '0.0.0.0/0'] }],
    ['with a table of any number', true, { table: 51820 }],
    ['not for two halves', false, { routes: ['0.0.0.0/1', '128.0.0.0/1'] }],
    ['not with Table = off', false, { table: 'off' }],
    ['not with two peers', false, { peerCount: 2 }],
    ['not for some networks', false, { routes: settings.routes }],
  ];
  for (const [name, isOn, change] of cases)
    it(name, async () => {
      await bringUp({ ...everything, ...change });
      expect(firewall.state().open).toBe(isOn ? 1 : 0);
    });

  it('or nothing of it: each call may fail', async () => {
    for (const [name, skipped] of [
      ['FwpmGetAppIdFromFileName0', 0],
      ['FwpmTransactionBegin0', 0],
      ['FwpmProviderAdd0', 0],
      ['FwpmSubLayerAdd0', 0],
      ['FwpmFilterAdd0', 33],
      ['FwpmTransactionCommit0', 0],
    ] as const) {
      const { steps } = await windowsNetConfig().plan(everything);
      const step = steps.find(({ describe }) => describe.startsWith('block all'));
      firewall.fail(name, 0x8032_0014, skipped);
      await expect(step?.apply()).rejects.toThrow(
        `${name} failed: error 0x80320014: look the number up among the WFP error codes`,
      );
      expect(firewall.state()).toMatchObject({
        open: 0,
        inTransaction: 0,
        filters: [],
        provider: null,
      });
      step?.revert?.();
    }
  });
});
