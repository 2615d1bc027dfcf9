/** A machine with one way to the world, and an interface for a tunnel. */
import type { InterfaceSettings, NetConfig, NetPlan, NetStep } from '../../../network/netconfig.js';
import type { NetworkDouble } from './network-double.js';

export const LOOPBACK = 0x18_0000_0000_0000n;
export const ETHERNET = 0x06_0080_0000_0000n;
export const WIFI = 0x47_0080_0000_0000n;
export const TUNNEL = 0x35_0080_0100_0000n;
export const TUNNEL_GUID = '{00000014-1122-3344-A0A1-A2A3A4A5A6A7}';
export const PEER = { address: '203.0.113.7', port: 51820 };

export const settings: InterfaceSettings = {
  name: 'office',
  luid: TUNNEL,
  addresses: ['10.0.0.2/24', 'fd00::2/64'],
  mtu: 1420,
  routes: ['10.1.0.0/16', 'fd01::/48'],
  table: 'auto',
  fwMark: 0,
  dnsServers: ['10.0.0.1', 'fd00::1'],
  dnsSearch: ['corp.example'],
  endpoints: [PEER],
  listenPort: 51820,
};

export const everything: InterfaceSettings = { ...settings, routes: ['0.0.0.0/0', '::/0'] };

export function setUpMachine(network: NetworkDouble): void {
  network.reset();
  network.addInterface(LOOPBACK, 1, 'Loopback Pseudo-Interface 1', 0xffff_ffff, 75, 3);
  network.addInterface(ETHERNET, 7, 'Ethernet', 1500, 25, 3);
  network.addInterface(TUNNEL, 20, 'office', 65535, 5, 3);
  network.addAddress(ETHERNET, '192.168.1.10', 24);
  network.addRoute(ETHERNET, '0.0.0.0', 0, '192.168.1.1', 0);
  network.takeLog();
}

export async function applyAll(config: NetConfig, wanted: InterfaceSettings): Promise<NetPlan> {
  const plan = await config.plan(wanted);
  for (const step of plan.steps) await step.apply();
  return plan;
}

/** As the bring-up does it: from the last step to the first, its revert before its commands. */
export async function undoAll(config: NetConfig, steps: readonly NetStep[]): Promise<Error[]> {
  const errors: Error[] = [];
  for (const step of steps.toReversed()) {
    step.revert?.();
    await config.undo(step.undo, (error) => errors.push(error));
  }
  return errors;
}
