import { expect, it } from 'vitest';
import { adapterGuid } from '../../../tun/windows/wintun/guid.js';

it('the GUID of an adapter is that of its network, and a valid one', () => {
  const guid = adapterGuid('office');
  expect(guid).toHaveLength(16);
  expect(adapterGuid('office')).toEqual(guid);
  expect(adapterGuid('home')).not.toEqual(guid);
  for (let i = 0; i < 50; i++) {
    const any = adapterGuid(String(i));
    // RFC 9562: version 8 in the upper half of Data3, variant 10 in the byte after it.
    expect((any[7] as number) >> 4).toBe(8);
    expect((any[8] as number) >> 6).toBe(2);
  }
});
