import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { InterfaceSettings, NetWatch } from '../../../network/netconfig.js';
import { windowsNetConfig } from '../../../network/windows/netconfig.js';
import { waitFor } from '../../support/waiting.js';
import {
  applyAll,
  ETHERNET,
  everything,
  LOOPBACK,
  PEER,
  settings,
  setUpMachine,
  TUNNEL,
  WIFI,
} from './machine.js';
import { FirewallDouble, NetworkDouble } from './network-double.js';

const network = new NetworkDouble();
new FirewallDouble();

const heard: string[] = [];
const warnings: string[] = [];
let watch: NetWatch | undefined;

beforeEach(() => {
  setUpMachine(network);
  heard.length = 0;
  warnings.length = 0;
});

afterEach(() => {
  watch?.close();
  watch?.close();
  watch = undefined;
  expect(network.listeners()).toBe(0);
  expect(warnings).toEqual([]);
});

/** A full tunnel without a kill switch, as it has two peers. */
const wanted: InterfaceSettings = { ...everything, peerCount: 2 };

async function start(
  options: { bindsSockets?: boolean; followMtu?: boolean } = {},
  change: Partial<InterfaceSettings> = {},
): Promise<void> {
  const config = windowsNetConfig({ onWarning: (message) => warnings.push(message) });
  const all = { ...wanted, ...change };
  await applyAll(config, all);
  network.takeLog();
  watch = config.watch?.(
    all,
    { bindsSockets: options.bindsSockets ?? true, followMtu: options.followMtu ?? false },
    {
      onBindInterface: (family, index) => heard.push(`IPv${family} ${index}`),
      onMtu: (mtu) => heard.push(`MTU ${mtu}`),
    },
  );
}

const soon = (check: () => void): Promise<unknown> => waitFor(check);

const tunnelMtus = (): unknown[] => {
  const office = network.state().interfaces.find(({ luid }) => luid === String(TUNNEL));
  return [office?.ipv4?.mtu, office?.ipv6?.mtu];
};

describe('the interface to bind to', () => {
  it('is reported at once, for both families', async () => {
    await start();
    expect(heard).toEqual(['IPv4 7', 'IPv6 undefined']);
    expect(network.listeners()).toBe(2);
    expect(network.routesOf(ETHERNET)).toEqual(['0.0.0.0/0 192.168.1.1']);
  });

  it('follows the default route that is not the tunnel’s', async () => {
    await start();
    network.addInterface(WIFI, 9, 'WLAN', 1500, 10, 3);
    network.addRoute(WIFI, '::', 0, 'fe80::1', 0);
    await soon(() => expect(heard.slice(2)).toEqual(['IPv6 9']));
    network.addRoute(WIFI, '0.0.0.0', 0, '192.168.2.1', 20);
    await sleep(700);
    expect(heard.length).toBe(3);
    network.addRoute(WIFI, '0.0.0.0', 0, '192.168.2.2', 14);
    await soon(() => expect(heard.slice(3)).toEqual(['IPv4 9']));
    network.changeInterface(WIFI, false, 0);
    await soon(() => expect(heard.slice(4)).toEqual(['IPv4 7', 'IPv6 undefined']));
  });

  it('is none while there is no other default route', async () => {
    await start();
    network.removeRoute(ETHERNET, '0.0.0.0', 0, '192.168.1.1');
    await soon(() => expect(heard.slice(2)).toEqual(['IPv4 undefined']));
    network.addRoute(ETHERNET, '0.0.0.0', 0, '192.168.1.254', 0);
    await soon(() => expect(heard.slice(3)).toEqual(['IPv4 7']));
  });

  it('is reported soon after a single change', async () => {
    await start();
    const took: number[] = [];
    for (let i = 0; i < 3; i++) {
      const before = performance.now();
      network.changeInterface(ETHERNET, i % 2 === 1, 0);
      await waitFor(() => expect(heard.length).toBe(3 + i));
      took.push(performance.now() - before);
    }
    // The least of them: a busy machine is no failure.
    expect(Math.min(...took)).toBeLessThan(800);
  });

  it('does not flutter with a burst of changes', async () => {
    await start();
    const before = network.called();
    for (let i = 0; i < 20; i++) {
      network.removeRoute(ETHERNET, '0.0.0.0', 0, '192.168.1.1');
      await sleep(5);
      network.addRoute(ETHERNET, '0.0.0.0', 0, '192.168.1.1', 0);
      await sleep(5);
    }
    await sleep(700);
    expect(network.called() - before).toBeGreaterThan(20);
    expect(heard).toEqual(['IPv4 7', 'IPv6 undefined']);
  });

  it('is looked for again in a burst that does not end', async () => {
    await start();
    network.removeRoute(ETHERNET, '0.0.0.0', 0, '192.168.1.1');
    const end = performance.now() + 3000;
    for (let i = 0; heard.length < 3 && performance.now() < end; i++) {
      network.addRoute(ETHERNET, '198.51.100.0', 24, `192.168.1.${i % 200}`, 0);
      await sleep(20);
      network.removeRoute(ETHERNET, '198.51.100.0', 24, `192.168.1.${i % 200}`);
    }
    expect(heard.slice(2)).toEqual(['IPv4 undefined']);
  });

  it('is not reported after the end, which does not wait long while changes go on', async () => {
    await start();
    for (let i = 0; i < 200; i++) network.changeInterface(ETHERNET, true, 0);
    const before = performance.now();
    watch?.close();
    expect(performance.now() - before).toBeLessThan(1000);
    network.removeRoute(ETHERNET, '0.0.0.0', 0, '192.168.1.1');
    watch?.setEndpoints([]);
    await sleep(600);
    expect(heard).toEqual(['IPv4 7', 'IPv6 undefined']);
  });

  it('is found without notifications too, and their failure is reported', async () => {
    network.fail('NotifyIpInterfaceChange', 8, 0);
    await start();
    expect(heard).toEqual(['IPv4 7', 'IPv6 undefined']);
    expect(network.listeners()).toBe(0);
    expect(warnings.splice(0)).toEqual([
      expect.stringMatching(
        /^cannot watch for changes of routes: NotifyIpInterfaceChange failed: ERROR_NOT_ENOUGH_MEMORY/,
      ),
    ]);
    network.removeRoute(ETHERNET, '0.0.0.0', 0, '192.168.1.1');
    await waitFor(() => expect(heard.slice(2)).toEqual(['IPv4 undefined']));
  });

  it('stays when the tables cannot be read, until the next change', async () => {
    await start();
    network.fail('GetIpForwardTable2', 8, 0);
    network.removeRoute(ETHERNET, '0.0.0.0', 0, '192.168.1.1');
    await soon(() => expect(warnings.length).toBe(1));
    expect(warnings.splice(0)[0]).toMatch(/^cannot read the routes: GetIpForwardTable2 failed/);
    expect(heard.length).toBe(2);
    network.changeInterface(ETHERNET, true, 0);
    await soon(() => expect(heard.slice(2)).toEqual(['IPv4 undefined']));
  });
});

describe('the MTU', () => {
  it('is that of the way to the peers less 80, and never less than IP needs', async () => {
    await start({ followMtu: true });
    expect(heard).toEqual(['IPv4 7', 'IPv6 undefined']);
    network.changeInterface(ETHERNET, true, 1400);
    await soon(() => expect(heard.slice(2)).toEqual(['MTU 1320']));
    expect(tunnelMtus()).toEqual([1320, 1320]);
    network.changeInterface(ETHERNET, true, 1300);
    await soon(() => expect(heard.slice(3)).toEqual(['MTU 1280']));
    expect(tunnelMtus()).toEqual([1220, 1280]);
    network.changeInterface(ETHERNET, true, 600);
    await soon(() => expect(tunnelMtus()).toEqual([576, 1280]));
    network.changeInterface(ETHERNET, true, 9000);
    await soon(() => expect(heard.slice(4)).toEqual(['MTU 8920']));
    expect(tunnelMtus()).toEqual([8920, 8920]);
  });

  it('stays where it was configured', async () => {
    await start({ followMtu: false });
    network.changeInterface(ETHERNET, true, 1400);
    await sleep(700);
    expect(tunnelMtus()).toEqual([1420, 1420]);
    expect(heard.length).toBe(2);
  });

  it('is reported when it cannot be set, and set with the next change', async () => {
    await start({ followMtu: true });
    network.fail('SetIpInterfaceEntry', 5, 0);
    network.changeInterface(ETHERNET, true, 1400);
    await soon(() => expect(warnings.length).toBe(1));
    expect(warnings.splice(0)[0]).toMatch(/^cannot set the MTU for IPv4: SetIpInterfaceEntry/);
    network.changeInterface(ETHERNET, true, 0);
    await soon(() => expect(tunnelMtus()).toEqual([1320, 1320]));
  });
});

describe('the routes to endpoints', () => {
  const only = (...routes: string[]): string[] => ['0.0.0.0/0 192.168.1.1', ...routes];

  it('go past the tunnel, and end with it', async () => {
    await start({ bindsSockets: false });
    expect(network.routesOf(ETHERNET)).toEqual(only('203.0.113.7/32 192.168.1.1'));
    watch?.close();
    expect(network.routesOf(ETHERNET)).toEqual(only());
  });

  it('move with the gateway, the new one first', async () => {
    await start({ bindsSockets: false });
    network.takeLog();
    network.addInterface(WIFI, 9, 'WLAN', 1500, 10, 3);
    network.addRoute(WIFI, '0.0.0.0', 0, '192.168.2.1', 0);
    await soon(() => expect(network.routesOf(ETHERNET)).toEqual(only()));
    expect(network.routesOf(WIFI)).toContain('203.0.113.7/32 192.168.2.1');
    expect(network.takeLog().map((call) => call.function)).toEqual([
      'CreateIpForwardEntry2',
      'DeleteIpForwardEntry2',
    ]);
  });

  it('lead nowhere while there is no gateway, so nothing goes round in the tunnel', async () => {
    await start({ bindsSockets: false });
    network.removeRoute(ETHERNET, '0.0.0.0', 0, '192.168.1.1');
    await soon(() => expect(network.routesOf(LOOPBACK)).toEqual(['203.0.113.7/32 0.0.0.0']));
    expect(network.routesOf(ETHERNET)).toEqual([]);
    network.addRoute(ETHERNET, '0.0.0.0', 0, '192.168.1.1', 0);
    await soon(() => expect(network.routesOf(LOOPBACK)).toEqual([]));
    expect(network.routesOf(ETHERNET)).toEqual(only('203.0.113.7/32 192.168.1.1'));
  });

  it('stay untouched by changes elsewhere', async () => {
    await start({ bindsSockets: false });
    network.takeLog();
    network.addRoute(ETHERNET, '198.51.100.0', 24, '192.168.1.2', 0);
    watch?.setEndpoints([PEER]);
    await sleep(700);
    expect(network.takeLog()).toEqual([]);
  });

  it('are made for new endpoints and removed for old ones', async () => {
    await start({ bindsSockets: false });
    network.addRoute(ETHERNET, '::', 0, 'fe80::1', 0);
    watch?.setEndpoints([
      { address: '198.51.100.4', port: 1 },
      { address: '198.51.100.4', port: 2 },
      { address: '2001:db8::4', port: 1 },
      { address: 'fe80::9%7', port: 1 },
    ]);
    expect(network.routesOf(ETHERNET)).toEqual(
      only('::/0 fe80::1', '198.51.100.4/32 192.168.1.1', '2001:db8::4/128 fe80::1'),
    );
  });

  it('are not needed for a neighbour, nor for what the tunnel does not cover', async () => {
    await start({ bindsSockets: false }, { endpoints: [{ address: '192.168.1.50', port: 1 }] });
    expect(network.routesOf(ETHERNET)).toEqual(only());
    watch?.close();
    setUpMachine(network);
    await start({ bindsSockets: false }, { routes: settings.routes });
    expect(network.routesOf(ETHERNET)).toEqual(only());
  });

  it('leave alone what was there before', async () => {
    network.addRoute(ETHERNET, '203.0.113.7', 32, '192.168.1.1', 0);
    await start({ bindsSockets: false });
    watch?.close();
    expect(network.routesOf(ETHERNET)).toEqual(only('203.0.113.7/32 192.168.1.1'));
  });

  it('are tried again with the next change', async () => {
    const config = network;
    config.fail('CreateIpForwardEntry2', 5, 2);
    await start({ bindsSockets: false });
    expect(warnings.splice(0)[0]).toMatch(
      /^cannot route 203.0.113.7 past the tunnel: .*administrator/,
    );
    network.changeInterface(ETHERNET, true, 0);
    await soon(() =>
      expect(network.routesOf(ETHERNET)).toEqual(only(`${PEER.address}/32 192.168.1.1`)),
    );
  });
});
