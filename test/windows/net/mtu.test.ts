import { beforeEach, describe, expect, it } from 'vitest';
import { windowsNetConfig } from '../../../network/windows/netconfig.js';
import { setUpMachine, TUNNEL } from './machine.js';
import { NetworkDouble } from './network-double.js';

const network = new NetworkDouble();
const ACCESS_DENIED = 5;

beforeEach(() => setUpMachine(network));

async function setMtu(mtu: number, luid?: bigint, name = 'office'): Promise<void> {
  await windowsNetConfig().setMtu?.({ name, ...(luid !== undefined && { luid }) }, mtu);
}

/** Of IPv4 and of IPv6. */
function mtus(): (number | undefined)[] {
  const office = network.state().interfaces.find(({ alias }) => alias === 'office');
  return [office?.ipv4?.mtu, office?.ipv6?.mtu];
}

describe('the MTU of an interface that is up', () => {
  it('is set for both families, by its name or its LUID, as far as IPv6 goes', async () => {
    await setMtu(1300);
    expect(mtus()).toEqual([1300, 1300]);
    await setMtu(1232, TUNNEL, 'another name');
    expect(mtus()).toEqual([1232, 1280]);
  });

  it('is not set for a family that the interface does not speak', async () => {
    network.removeInterface(TUNNEL);
    network.addInterface(TUNNEL, 20, 'office', 65535, 5, 1);
    await setMtu(1300);
    expect(mtus()).toEqual([1300, undefined]);
  });

  it('is not set where that fails, or there is no interface', async () => {
    network.fail('SetIpInterfaceEntry', ACCESS_DENIED, 0);
    await expect(setMtu(1300)).rejects.toMatchObject({
      name: 'NetConfigError',
      code: 'ERR_NETCONFIG',
      message: expect.stringContaining('SetIpInterfaceEntry failed: ERROR_ACCESS_DENIED (5)'),
    });
    await expect(setMtu(1300, 12345n)).rejects.toThrow(/ERROR_NOT_FOUND .* is gone/);
  });
});
