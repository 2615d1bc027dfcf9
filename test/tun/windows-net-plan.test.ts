import { describe, expect, it } from 'vitest';
import type { InterfaceSettings } from '../../network/netconfig.js';
import { netshDnsCommands, resetDnsCommand } from '../../network/windows/dns.js';
import {
  type Change,
  changeText,
  type NetworkFacts,
  planChanges,
} from '../../network/windows/plan.js';
import { commandText } from '../../network/windows/programs.js';
import { guidBytes, guidText } from '../../system/windows/guid.js';

const LUID = 77n;
const settings: InterfaceSettings = {
  name: 'office',
  luid: LUID,
  addresses: ['10.0.0.2/24', 'fd00::2/64'],
  mtu: 1420,
  routes: [],
  table: 'auto',
  fwMark: 0,
  dnsServers: [],
  dnsSearch: [],
  endpoints: [{ address: '203.0.113.7', port: 51820 }],
  listenPort: 51820,
};
const facts: NetworkFacts = {
  luid: LUID,
  families: [4, 6],
  addresses: [],
  routes: [],
  takesSearch: true,
};

function plan(
  change: Partial<InterfaceSettings>,
  machine: Partial<NetworkFacts> = {},
): { texts: string[]; warnings: string[]; changes: Change[] } {
  const { changes, warnings } = planChanges({ ...settings, ...change }, { ...facts, ...machine });
  return { texts: changes.map((one) => changeText('office', one)), warnings, changes };
}

const BASE = [
  'netsh interface ipv4 set interface "office" mtu=1420 dadtransmits=0 routerdiscovery=disabled',
  'netsh interface ipv6 set interface "office" mtu=1420 dadtransmits=0 routerdiscovery=disabled',
  'netsh interface ipv4 add address "office" 10.0.0.2/24',
  'netsh interface ipv6 add address "office" fd00::2/64',
  'netsh interface ipv4 set dnsservers "office" static none',
  'netsh interface ipv6 set dnsservers "office" static none',
];

describe('the plan of an interface on Windows', () => {
  it('sets addresses, and takes DNS servers away that an earlier one may have left', () => {
    expect(plan({})).toMatchObject({ texts: BASE, warnings: [] });
  });

  it('has the kill switch when it is asked for, whatever the routes', () => {
    const kinds = (change: Partial<InterfaceSettings>): string[] =>
      plan({ routes: ['10.1.0.0/16'], peerCount: 2, ...change }).changes.map(({ kind }) => kind);
    expect(kinds({ killSwitch: true })).toContain('killSwitch');
    expect(kinds({})).not.toContain('killSwitch');
  });

  it('adds the narrowest routes first, and none with Table = off', () => {
    const routes = ['10.0.0.0/8', 'fd01::/48', '10.1.0.0/16', '0.0.0.0/0'];
    expect(plan({ routes, peerCount: 2, bindsSockets: true }).texts.slice(6)).toEqual([
      'netsh interface ipv6 add route fd01::/48 "office"',
      'netsh interface ipv4 add route 10.1.0.0/16 "office"',
      'netsh interface ipv4 add route 10.0.0.0/8 "office"',
      'netsh interface ipv4 add route 0.0.0.0/0 "office"',
    ]);
    expect(plan({ routes, table: 'off' })).toMatchObject({ texts: BASE, warnings: [] });
  });

  it('gives the lowest metric to the family with a default route alone', () => {
    const lowest = (routes: string[]): unknown[] =>
      plan({ routes }).changes.flatMap((one) =>
        one.kind === 'interface' ? [one.change.lowestMetric] : [],
      );
    expect(lowest(['0.0.0.0/0'])).toEqual([true, false]);
    expect(lowest(['::/0'])).toEqual([false, true]);
    expect(lowest(['0.0.0.0/1', '128.0.0.0/1'])).toEqual([false, false]);
  });

  it('has the kill switch before the routes, and keeps the way to the peers', () => {
    expect(plan({ routes: ['0.0.0.0/0'] }).texts.slice(6)).toEqual([
      'block all traffic past "office" (Windows Filtering Platform)',
      'keep routes to 203.0.113.7 past "office"',
      'netsh interface ipv4 add route 0.0.0.0/0 "office"',
    ]);
  });

  it('keeps a way only to peers that the tunnel covers', () => {
    const covered = (change: Partial<InterfaceSettings>): boolean =>
      plan(change).texts.some((text) => text.startsWith('keep routes'));
    const endpoint = (address: string): Partial<InterfaceSettings> => ({
      endpoints: [{ address, port: 1 }],
    });
    expect(covered({ routes: ['203.0.113.0/24'] })).toBe(true);
    expect(covered({ routes: ['203.0.112.0/24'] })).toBe(false);
    expect(covered(endpoint('10.0.0.1'))).toBe(true);
    expect(covered({ routes: ['::/0'], ...endpoint('fe80::1%7') })).toBe(false);
    expect(covered({ routes: ['203.0.113.0/24'], bindsSockets: true })).toBe(false);
  });

  it('gives IPv6 at least the MTU that it needs', () => {
    const { texts, warnings } = plan({ mtu: 1200 });
    expect(texts[0]).toContain('mtu=1200');
    expect(texts[1]).toContain('mtu=1280');
    expect(warnings).toEqual(["an MTU of 1200 is below IPv6's minimum, so IPv6 has 1280"]);
  });

  it('warns of what is not done or may surprise', () => {
    const v4 = { addresses: ['10.0.0.2/24'] };
    expect(plan({ ...v4, routes: ['0.0.0.0/0', '::/0'] }, { families: [4] }).warnings).toEqual([
      '::/0 is not routed: the interface has no address of that family',
      'all traffic goes through the tunnel, but no DNS server is configured: names may not resolve',
    ]);
    expect(plan({ table: 51820 }).warnings).toEqual([
      'Windows has one routing table: Table = 51820 is taken as auto',
    ]);
    expect(plan({ dnsSearch: ['a.example'] }, { takesSearch: false }).warnings.length).toBe(1);
  });

  it('refuses an address that another interface has, and takes it from one that is down', () => {
    const held = { luid: 5n, address: '10.0.0.2', length: 24, alias: 'Other', isUp: true };
    const inUse = expect.objectContaining({ code: 'ERR_ADDRESS_IN_USE' });
    const error = (machine: Partial<NetworkFacts>): unknown => {
      try {
        return plan({}, machine).texts[0];
      } catch (thrown) {
        return thrown;
      }
    };
    expect(error({ addresses: [held] })).toEqual(inUse);
    const taken = 'netsh interface ipv4 delete address "Other" 10.0.0.2';
    expect(error({ addresses: [{ ...held, isUp: false }] })).toBe(taken);
    expect(error({ addresses: [{ ...held, isUp: false, length: 16 }] })).toEqual(inUse);
    const own = { luid: LUID, address: 'fe80::5', length: 64, alias: 'office', isUp: true };
    expect(error({ addresses: [own] })).toBe(BASE[0]);
    const addresses = ['fe80::5/64'];
    expect(plan({ addresses }, { addresses: [{ ...own, luid: 5n }] }).texts[0]).toBe(BASE[0]);
  });
});

describe('DNS on Windows', () => {
  it('by netsh replaces all, then adds one after the other', () => {
    const texts = netshDnsCommands(20, 4, ['10.0.0.1', '10.0.0.2']).map(commandText);
    const program = texts[0]?.split(' ')[0];
    expect(program).toMatch(/\\System32\\netsh\.exe$/);
    expect(texts).toEqual([
      `${program} interface ipv4 set dnsservers name=20 source=static address=10.0.0.1 validate=no register=both`,
      `${program} interface ipv4 add dnsservers name=20 address=10.0.0.2 validate=no`,
    ]);
  });

  it('is undone by the GUID, which is the same later', () => {
    const guid = guidBytes('c38d57d1-05a7-4c33-904f-7fbceee60e82');
    expect(Buffer.from(guid).toString('hex')).toBe('d1578dc3a705334c904f7fbceee60e82');
    expect(guidText(guid)).toBe('{C38D57D1-05A7-4C33-904F-7FBCEEE60E82}');
    expect(guidBytes(guidText(guid))).toEqual(guid);
    expect(resetDnsCommand(guid, 6).argv).toEqual([
      'wg-ts:reset-dns',
      '6',
      '{C38D57D1-05A7-4C33-904F-7FBCEEE60E82}',
    ]);
    expect(() => guidBytes('nothing')).toThrow(RangeError);
  });
});
