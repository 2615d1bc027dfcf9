import { describe, expect, it } from 'vitest';
import { killSwitchFilters, ownFilters } from '../../network/windows/firewall-rules.js';
import {
  changeIpInterfaceRow,
  readAddressRow,
  readInterfaceRow,
  readIpInterfaceRow,
  readRouteRow,
  writeAddressRow,
  writeRouteRow,
} from '../../network/windows/rows.js';
import {
  MIB_IF_ROW2,
  MIB_IPFORWARD_ROW2,
  MIB_IPINTERFACE_ROW,
  MIB_UNICASTIPADDRESS_ROW,
  readAddress,
  writeAddress,
} from '../../network/windows/structs.js';
import { Structure } from '../../system/windows/memory.js';
import { matchDescriptor, sidBytes } from '../../system/windows/sid.js';

describe('rows of Windows', () => {
  it('hold addresses of both families', () => {
    const row = new Structure(40);
    writeAddress(row, 4, '10.1.2.3');
    expect([...row.bytes.subarray(4, 12)]).toEqual([2, 0, 0, 0, 10, 1, 2, 3]);
    expect(readAddress(row, 4)).toBe('10.1.2.3');
    writeAddress(row, 4, 'fe80::1%7');
    expect([row.bytes[4], row.bytes[12], row.bytes[28]]).toEqual([23, 0xfe, 7]);
    expect(readAddress(row, 4)).toBe('fe80::1');
    expect(readAddress(new Structure(28), 0)).toBeUndefined();
    expect(() => writeAddress(row, 4, 'nowhere')).toThrow(RangeError);
  });

  it('are read as they were written', () => {
    const address = { luid: 0x35_0080_0100_0000n, address: 'fd00::2', length: 64 };
    const addressRow = new Structure(MIB_UNICASTIPADDRESS_ROW.size);
    expect(readAddressRow(addressRow)).toBeUndefined();
    writeAddressRow(addressRow, address);
    expect(readAddressRow(addressRow)).toEqual(address);
    const key = { luid: 5n, destination: '10.0.0.0', length: 8, nextHop: '192.168.1.1' };
    const routeRow = new Structure(MIB_IPFORWARD_ROW2.size);
    expect(readRouteRow(routeRow)).toBeUndefined();
    writeRouteRow(routeRow, key, 7);
    expect(readRouteRow(routeRow)).toEqual({ ...key, metric: 7, isManual: true });
  });

  it('of an interface give its name and state', () => {
    const row = new Structure(MIB_IF_ROW2.size);
    row.bytes.set(Buffer.from('Ethernet ä\0old', 'utf16le'), MIB_IF_ROW2.Alias);
    row.view.setUint32(MIB_IF_ROW2.OperStatus, 1, true);
    row.view.setUint32(MIB_IF_ROW2.Mtu, 1500, true);
    expect(readInterfaceRow(row)).toEqual({
      luid: 0n,
      index: 0,
      alias: 'Ethernet ä',
      mtu: 1500,
      isUp: true,
    });
    row.view.setUint32(MIB_IF_ROW2.OperStatus, 2, true);
    expect(readInterfaceRow(row).isUp).toBe(false);
  });

  it('of an interface change only where asked to', () => {
    const row = new Structure(MIB_IPINTERFACE_ROW.size);
    row.bytes.fill(0x55);
    changeIpInterfaceRow(row, 6, { mtu: 1400 });
    const changed = [...row.bytes.keys()].filter((i) => row.bytes[i] !== 0x55);
    expect(changed).toEqual([152, 153, 154, 155]);
    expect(readIpInterfaceRow(row)).toEqual({ mtu: 1400, metric: 0x5555_5555 });
    changeIpInterfaceRow(row, 4, { lowestMetric: true });
    expect(readIpInterfaceRow(row).metric).toBe(0);
    expect(row.view.getUint32(MIB_IPINTERFACE_ROW.SitePrefixLength, true)).toBe(0);
    expect(row.view.getUint8(MIB_IPINTERFACE_ROW.UseAutomaticMetric)).toBe(0);
  });
});

describe('the security descriptor of a service', () => {
  it('grants its account alone the right to match', () => {
    const sid = '010600000000000550000000010000000200000003000000040000000500000';
    expect(Buffer.from(sidBytes('S-1-5-80-1-2-3-4-5')).toString('hex')).toBe(`${sid}0`);
    expect(Buffer.from(matchDescriptor('S-1-5-80-1-2-3-4-5')).toString('hex')).toBe(
      `0100048000000000000000000000000014000000${'02003000010000000000280001000000'}${sid}0`,
    );
  });

  it.each(['', 'S-1-5', 'S-2-5-80', 'S-1-5-80-4294967296', 'S-1-5-x'])('%s is no SID', (text) => {
    expect(() => sidBytes(text)).toThrow(RangeError);
  });
});

describe('the filters of the kill switch', () => {
  it('block everything else in each layer, with the lowest weight', () => {
    const own = { appId: new Uint8Array(2), listenPort: 51820 };
    const filters = [...ownFilters(own), ...killSwitchFilters(9n, ['10.0.0.1'])];
    const blocks = filters.filter(({ action }) => action === 'block');
    expect(blocks.map(({ name, weight }) => `${name} ${weight}`)).toEqual([
      ...Array(4).fill('other DNS 14'),
      ...Array(4).fill('all else 0'),
    ]);
    const permits = filters.filter(({ action }) => action === 'permit');
    expect(permits.every(({ weight }) => weight >= 12)).toBe(true);
    expect(permits.every(({ conditions }) => conditions.length > 0)).toBe(true);
    expect(killSwitchFilters(9n, []).some(({ name }) => name.includes('DNS'))).toBe(false);
  });
});
