import { beforeEach, describe, expect, it } from 'vitest';
import type { NetConfigError } from '../../../network/errors.js';
import type { InterfaceSettings } from '../../../network/netconfig.js';
import { describeNetwork } from '../../../network/windows/describe.js';
import * as firewallStructs from '../../../network/windows/firewall-structs.js';
import { windowsNetConfig } from '../../../network/windows/netconfig.js';
import * as structs from '../../../network/windows/structs.js';
import {
  applyAll,
  ETHERNET,
  everything,
  settings,
  setUpMachine,
  TUNNEL,
  TUNNEL_GUID,
  undoAll,
  WIFI,
} from './machine.js';
import { FirewallDouble, NetworkDouble } from './network-double.js';

const network = new NetworkDouble();
const firewall = new FirewallDouble();
const [ACCESS_DENIED, NOT_FOUND, ALREADY_EXISTS] = [5, 1168, 5010];

beforeEach(() => setUpMachine(network));

const config = (): ReturnType<typeof windowsNetConfig> =>
  windowsNetConfig({ interfaceTimeoutMs: 200 });

/** What `action` throws. */
async function errorOf(action: () => Promise<unknown>): Promise<NetConfigError> {
  try {
    await action();
  } catch (error) {
    return error as NetConfigError;
  }
  throw new Error('nothing was thrown');
}

describe('each struct', () => {
  it('of the network is as the headers have it', () => {
    const { tableHeader, addressTableHeader, alias, ...layout } = network.layout();
    expect([tableHeader, addressTableHeader]).toEqual([8, 8]);
    expect(structs.TABLE_HEADER_SIZE).toBe(8);
    expect(alias).toBe(structs.ALIAS_SIZE);
    const known = Object.keys(layout).map((name) => [name, Reflect.get(structs, name)]);
    expect(known.length).toBe(6);
    expect(Object.fromEntries(known)).toEqual(layout);
  });

  it('of the firewall is as the headers have it', () => {
    const layout = firewall.layout();
    const known = Object.keys(layout).map((name) => [name, Reflect.get(firewallStructs, name)]);
    expect(known.length).toBe(7);
    expect(Object.fromEntries(known)).toEqual(layout);
  });
});

describe('a split tunnel', () => {
  it('is set up field by field', async () => {
    const { steps, warnings } = await applyAll(config(), settings);
    expect(warnings).toEqual([]);
    expect(steps.map(({ describe }) => describe)).toEqual([
      'netsh interface ipv4 set interface "office" mtu=1420 dadtransmits=0 routerdiscovery=disabled',
      'netsh interface ipv6 set interface "office" mtu=1420 dadtransmits=0 routerdiscovery=disabled',
      'netsh interface ipv4 add address "office" 10.0.0.2/24',
      'netsh interface ipv6 add address "office" fd00::2/64',
      'netsh interface ipv4 set dnsservers "office" static 10.0.0.1 search=corp.example',
      'netsh interface ipv6 set dnsservers "office" static fd00::1 search=corp.example',
      'netsh interface ipv6 add route fd01::/48 "office"',
      'netsh interface ipv4 add route 10.1.0.0/16 "office"',
    ]);
    const log = network.takeLog();
    expect(log.map(({ result }) => result)).toEqual(Array(8).fill(0));
    const ipInterface = {
      function: 'SetIpInterfaceEntry',
      Family: 2,
      InterfaceLuid: String(TUNNEL),
      InterfaceIndex: 20,
      UseAutomaticMetric: 1,
      ManagedAddressConfigurationSupported: 0,
      OtherStatefulConfigurationSupported: 0,
      RouterDiscoveryBehavior: 0,
      DadTransmits: 0,
      SitePrefixLength: 0,
      Metric: 5,
      NlMtu: 1420,
      Connected: 1,
      result: 0,
    };
    expect(log[0]).toEqual(ipInterface);
    expect(log[1]).toEqual({ ...ipInterface, Family: 23, SitePrefixLength: 64 });
    const address = {
      function: 'CreateUnicastIpAddressEntry',
      Address: '10.0.0.2',
      Port: 0,
      InterfaceLuid: String(TUNNEL),
      InterfaceIndex: 0,
      PrefixOrigin: 16,
      SuffixOrigin: 16,
      ValidLifetime: 0xffff_ffff,
      PreferredLifetime: 0xffff_ffff,
      OnLinkPrefixLength: 24,
      SkipAsSource: 0,
      DadState: 4,
      ScopeId: 0,
      CreationTimeStamp: 0,
      result: 0,
    };
    expect(log[2]).toEqual(address);
    expect(log[3]).toEqual({ ...address, Address: 'fd00::2', OnLinkPrefixLength: 64 });
    const dns = {
      function: 'SetInterfaceDnsSettings',
      Interface: 20,
      Version: 1,
      Flags: 6,
      Domain: null,
      NameServer: '10.0.0.1',
      SearchList: 'corp.example',
      RegistrationEnabled: 0,
      RegisterAdapterName: 0,
      EnableLLMNR: 0,
      QueryAdapterName: 0,
      ProfileNameServer: null,
      result: 0,
    };
    expect(log[4]).toEqual(dns);
    expect(log[5]).toEqual({ ...dns, Flags: 7, NameServer: 'fd00::1' });
    const route = {
      function: 'CreateIpForwardEntry2',
      InterfaceLuid: String(TUNNEL),
      InterfaceIndex: 0,
      DestinationPrefix: 'fd01::',
      PrefixLength: 48,
      NextHop: '::',
      SitePrefixLength: 255,
      ValidLifetime: 0xffff_ffff,
      PreferredLifetime: 0xffff_ffff,
      Metric: 0,
      Protocol: 3,
      Loopback: 1,
      AutoconfigureAddress: 1,
      Publish: 0,
      Immortal: 1,
      Age: 0,
      Origin: 0,
      result: 0,
    };
    expect(log[6]).toEqual(route);
    const v4 = { DestinationPrefix: '10.1.0.0', PrefixLength: 16, NextHop: '0.0.0.0' };
    expect(log[7]).toEqual({ ...route, ...v4 });
    expect(firewall.state().open).toBe(0);
  });

  it('is found by its name when it comes without a LUID', async () => {
    const { luid, ...rest } = settings;
    expect(luid).toBe(TUNNEL);
    const { steps } = await config().plan(rest);
    expect(steps.length).toBe(8);
    const error = await errorOf(() => config().plan({ ...rest, name: 'nowhere' }));
    expect(error.message).toMatch(/ConvertInterfaceAliasToLuid failed: ERROR_INVALID_PARAMETER/);
  });

  it('goes back to what it was, in this process', async () => {
    const before = network.state();
    const config_ = config();
    const { steps } = await applyAll(config_, settings);
    expect(network.state().addresses.length).toBe(before.addresses.length + 2);
    expect(await undoAll(config_, steps)).toEqual([]);
    const { addresses, routes, interfaces } = network.state();
    expect({ addresses, routes }).toEqual({ addresses: before.addresses, routes: before.routes });
    for (const { ipv4, ipv6 } of interfaces)
      expect([ipv4?.dns, ipv4?.search, ipv6?.dns, ipv6?.search]).toEqual(['', '', '', '']);
  });

  it('loses its DNS servers by commands alone, in another process', async () => {
    const { steps } = await applyAll(config(), settings);
    const commands = steps.flatMap(({ undo }) => undo);
    expect(commands.map(({ argv }) => argv)).toEqual([
      ['wg-ts:reset-dns', '4', TUNNEL_GUID],
      ['wg-ts:reset-dns', '6', TUNNEL_GUID],
    ]);
    const errors: Error[] = [];
    await config().undo(commands, (error) => errors.push(error));
    const office = network.state().interfaces.find(({ alias }) => alias === 'office');
    expect([office?.ipv4?.dns, office?.ipv6?.dns, office?.ipv4?.search]).toEqual(['', '', '']);
    network.removeInterface(TUNNEL);
    await config().undo(commands, (error) => errors.push(error));
    expect(errors).toEqual([]);
    network.fail('SetInterfaceDnsSettings', ACCESS_DENIED, 0);
    setUpMachine(network);
    await config().undo(commands, (error) => errors.push(error));
    expect(errors.map(({ message }) => message)).toEqual([
      `wg-ts:reset-dns 6 ${TUNNEL_GUID}: SetInterfaceDnsSettings failed: ERROR_ACCESS_DENIED (5): run it as administrator, in an elevated prompt`,
    ]);
  });

  it('is undone when its adapter is gone already', async () => {
    const config_ = config();
    const { steps } = await applyAll(config_, settings);
    network.removeInterface(TUNNEL);
    expect(await undoAll(config_, steps)).toEqual([]);
  });
});

describe('a full tunnel', () => {
  it('has the lowest metric, both default routes, and the kill switch before them', async () => {
    const config_ = config();
    const { steps } = await applyAll(config_, everything);
    const texts = steps.map(({ describe }) => describe);
    expect(texts.slice(0, 2)).toEqual([
      'netsh interface ipv4 set interface "office" mtu=1420 metric=0 dadtransmits=0 routerdiscovery=disabled',
      'netsh interface ipv6 set interface "office" mtu=1420 metric=0 dadtransmits=0 routerdiscovery=disabled',
    ]);
    expect(texts.slice(6)).toEqual([
      'block all traffic past "office" (Windows Filtering Platform)',
      'keep routes to 203.0.113.7 past "office"',
      'netsh interface ipv4 add route 0.0.0.0/0 "office"',
      'netsh interface ipv6 add route ::/0 "office"',
    ]);
    const office = network.state().interfaces.find(({ alias }) => alias === 'office');
    expect([office?.ipv4?.metric, office?.ipv4?.automaticMetric]).toEqual([0, 0]);
    expect(network.routesOf(TUNNEL)).toEqual(['0.0.0.0/0 0.0.0.0', '::/0 ::']);
    expect(firewall.state().open).toBe(1);
    expect(await undoAll(config_, steps)).toEqual([]);
    expect(firewall.state()).toMatchObject({ open: 0, filters: [], provider: null });
  });

  it('removes routes to endpoints that a killed process has left', async () => {
    const plan = await config().plan(everything);
    const commands = plan.steps.flatMap(({ undo }) => undo);
    expect(commands.map(({ argv }) => argv)).toContainEqual([
      'wg-ts:delete-host-routes',
      '203.0.113.7',
    ]);
    network.addRoute(ETHERNET, '203.0.113.7', 32, '192.168.1.1', 0);
    network.addRoute(ETHERNET, '203.0.113.8', 32, '192.168.1.1', 0);
    await config().undo(commands, (error) => expect.fail(error.message));
    expect(network.routesOf(ETHERNET)).toEqual([
      '0.0.0.0/0 192.168.1.1',
      '203.0.113.8/32 192.168.1.1',
    ]);
  });

  it('leaves a route to an endpoint that was there before', async () => {
    network.addRoute(ETHERNET, '203.0.113.7', 32, '192.168.1.9', 0);
    const { steps } = await config().plan(everything);
    expect(steps.some(({ describe }) => describe.startsWith('keep routes'))).toBe(false);
  });
});

describe('a step that fails', () => {
  const failures: [string, string, number, RegExp][] = [
    ['SetIpInterfaceEntry', 'ipv4 set interface', NOT_FOUND, /ERROR_NOT_FOUND \(1168\): .*gone/],
    [
      'CreateUnicastIpAddressEntry',
      'ipv4 add address',
      ACCESS_DENIED,
      /administrator, in an elevated/,
    ],
    ['SetInterfaceDnsSettings', 'ipv4 set dnsservers', 1234, /error 1234: "net helpmsg 1234"/],
    ['CreateIpForwardEntry2', 'add route', ACCESS_DENIED, /ERROR_ACCESS_DENIED \(5\)/],
    [
      'FwpmFilterAdd0',
      'block all traffic',
      ACCESS_DENIED,
      /FwpmFilterAdd0 failed: ERROR_ACCESS_DENIED/,
    ],
    ['FwpmEngineOpen0', 'block all traffic', 1753, /net start bfe/],
  ];
  for (const [name, text, code, reason] of failures)
    it(`${name}: ${code} names the function, the error and what to do, and all is undone`, async () => {
      const before = network.state();
      const config_ = config();
      const { steps } = await config_.plan(everything);
      (name.startsWith('Fwpm') ? firewall : network).fail(name, code, 0);
      const done: (typeof steps)[number][] = [];
      const error = await errorOf(async () => {
        for (const step of steps) {
          done.push(step);
          await step.apply();
        }
      });
      expect(error.name).toBe('NetConfigError');
      expect(error.code).toBe('ERR_NETCONFIG');
      expect(error.command).toContain(text);
      expect(error.message).toMatch(reason);
      expect(error.message).not.toContain('\n');
      expect(await undoAll(config_, done)).toEqual([]);
      const { addresses, routes } = network.state();
      expect({ addresses, routes }).toEqual({ addresses: before.addresses, routes: before.routes });
      expect(firewall.state()).toMatchObject({ open: 0, inTransaction: 0, filters: [] });
    });

  it('is not a failure for a route that came with the address', async () => {
    const route: InterfaceSettings = { ...settings, routes: ['10.0.0.0/24'] };
    await applyAll(config(), route);
    expect(network.takeLog().at(-1)).toMatchObject({ result: ALREADY_EXISTS });
  });
});

describe('an address', () => {
  it('of another interface that is up is refused before anything changes', async () => {
    network.addAddress(ETHERNET, '10.0.0.2', 24);
    const error = await errorOf(() => config().plan(settings));
    expect(error.code).toBe('ERR_ADDRESS_IN_USE');
    expect(error.message).toMatch(
      /^netsh interface ipv4 add address "office" 10.0.0.2\/24: .*Ethernet/,
    );
    expect(network.takeLog()).toEqual([]);
  });

  it('that another program takes in between is reported the same way', async () => {
    const { steps } = await config().plan(settings);
    network.addAddress(ETHERNET, 'fd00::2', 64);
    const error = await errorOf(async () => {
      for (const step of steps) await step.apply();
    });
    expect(error.code).toBe('ERR_ADDRESS_IN_USE');
  });

  it('is taken away from an interface that is down', async () => {
    network.addInterface(WIFI, 9, 'Old tunnel', 1500, 25, 3);
    network.changeInterface(WIFI, false, 0);
    network.addAddress(WIFI, '10.0.0.2', 24);
    const { steps } = await applyAll(config(), settings);
    expect(steps[0]?.describe).toBe('netsh interface ipv4 delete address "Old tunnel" 10.0.0.2');
    const held = network.state().addresses.filter(({ address }) => address === '10.0.0.2');
    expect(held).toEqual([{ luid: String(TUNNEL), address: '10.0.0.2', length: 24 }]);
  });

  it('and a route of another configuration are removed first', async () => {
    network.addAddress(TUNNEL, '10.9.0.2', 24);
    network.addAddress(TUNNEL, '10.0.0.2', 16);
    network.addRoute(TUNNEL, '10.8.0.0', 16, '0.0.0.0', 0);
    await applyAll(config(), settings);
    expect(network.state().addresses.map(({ address }) => address)).toEqual([
      '192.168.1.10',
      '10.0.0.2',
      'fd00::2',
    ]);
    expect(network.routesOf(TUNNEL)).toEqual(['fd01::/48 ::', '10.1.0.0/16 0.0.0.0']);
  });
});

describe('one route more', () => {
  it('comes and goes, and leaves the others', async () => {
    const made = config();
    await applyAll(made, settings);
    const before = network.routesOf(TUNNEL);
    const step = await made.routeStep?.(settings, '10.5.0.0/16');
    expect(network.routesOf(TUNNEL)).toEqual(before);
    await step?.apply();
    expect(network.routesOf(TUNNEL)).toEqual([...before, '10.5.0.0/16 0.0.0.0']);
    step?.revert?.();
    expect(network.routesOf(TUNNEL)).toEqual(before);
  });
});

describe('an interface', () => {
  it('without IPv6 has only the rest, with a warning', async () => {
    network.removeInterface(TUNNEL);
    network.addInterface(TUNNEL, 20, 'office', 65535, 5, 1);
    const { warnings } = await applyAll(config(), settings);
    expect(warnings).toEqual([
      'IPv6 is disabled for interface office, so fd00::2/64 is left out',
      'fd01::/48 is not routed: the interface has no address of that family',
    ]);
    expect(network.routesOf(TUNNEL)).toEqual(['10.1.0.0/16 0.0.0.0']);
  });

  it('that does not speak IP at all is an error', async () => {
    network.removeInterface(TUNNEL);
    const error = await errorOf(() => config().plan(settings));
    expect(error.message).toMatch(/has no IP after 0.2 s/);
  });

  it('is waited for', async () => {
    network.removeInterface(TUNNEL);
    setTimeout(() => network.addInterface(TUNNEL, 20, 'office', 65535, 5, 3), 60);
    expect((await config().plan(settings)).warnings).toEqual([]);
  });
});

describe('what is asked of the machine', () => {
  it('but not answered is an error of the plan', async () => {
    for (const name of ['GetUnicastIpAddressTable', 'GetIpForwardTable2']) {
      network.fail(name, ACCESS_DENIED, 0);
      const error = await errorOf(() => config().plan(settings));
      expect([error.name, error.code]).toEqual(['NetConfigError', 'ERR_NETCONFIG']);
      expect(error.message).toContain(`${name} failed: ERROR_ACCESS_DENIED (5)`);
    }
  });

  it('is the MTU towards an address, by the best route', async () => {
    network.addInterface(WIFI, 9, 'WLAN', 1400, 10, 3);
    expect(await config().mtuTowards('203.0.113.7')).toBe(1500);
    network.addRoute(WIFI, '203.0.113.0', 24, '192.168.2.1', 500);
    expect(await config().mtuTowards('203.0.113.7')).toBe(1400);
    expect(await config().mtuTowards('2001:db8::1')).toBeUndefined();
    network.changeInterface(WIFI, false, 0);
    expect(await config().mtuTowards('203.0.113.7')).toBe(1500);
    expect(await config().freeTable()).toBe(0);
    network.fail('GetIpForwardTable2', ACCESS_DENIED, 0);
    expect(await config().mtuTowards('203.0.113.7')).toBeUndefined();
  });

  it('is a description for a report', async () => {
    await applyAll(config(), settings);
    expect(describeNetwork(TUNNEL)).toEqual([
      'interface office, index 20, up',
      'IPv4: MTU 1420, metric 5',
      'IPv6: MTU 1420, metric 5',
      'address 10.0.0.2/24',
      'address fd00::2/64',
      'route fd01::/48 metric 0',
      'route 10.1.0.0/16 metric 0',
      'IPv4 default route past the tunnel: Ethernet through 192.168.1.1',
      'IPv6 default route past the tunnel: none',
      'DNS is set by SetInterfaceDnsSettings',
    ]);
    expect(describeNetwork(1n)).toEqual(['there is no such interface']);
  });

  it('is also to undo what other programs did', async () => {
    const errors: Error[] = [];
    const run: string[] = [];
    const config_ = windowsNetConfig({ run: async ({ argv }) => void run.push(argv.join(' ')) });
    await config_.undo([{ argv: ['cmd.exe', '/c', 'a'] }, { argv: ['b'] }], (e) => errors.push(e));
    expect(run).toEqual(['b', 'cmd.exe /c a']);
    await config().undo([{ argv: ['C:\\no\\such.exe'] }], (error) => errors.push(error));
    expect(errors.map(({ message }) => message)).toEqual([
      'C:\\no\\such.exe: there is no such program',
    ]);
  });
});
