import { endianness } from 'node:os';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type NetlinkChange, parseNetlink } from '../../../network/linux/netlink.js';
import { ChangeFilter } from '../../../network/linux/routewatch.js';

const u16 = (n: number): Uint8Array => new Uint8Array(new Uint16Array([n]).buffer);
const u32 = (n: number): Uint8Array => new Uint8Array(new Uint32Array([n]).buffer);

function padded(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}

function attribute(type: number, value: Uint8Array): Uint8Array {
  return padded(Buffer.concat([u16(4 + value.length), u16(type), value]));
}

function message(type: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(parts);
  return padded(Buffer.concat([u32(16 + body.length), u16(type), u16(0), u32(0), u32(0), body]));
}

const link = (type: number, index: number, flags: number) =>
  message(type, Buffer.from([0, 0, 1, 0]), u32(index), u32(flags), u32(0xffff_ffff));

const IPV4 = Buffer.from([192, 0, 2, 1]);
const IPV6 = Buffer.from('20010db8000000000000000000000001', 'hex');
const addr = (type: number, index: number, flags: number, scope: number, ...more: Uint8Array[]) =>
  message(type, Buffer.from([2, 24, flags, scope]), u32(index), ...more);

const route = (table: number, kind: number, flags: number, ...more: Uint8Array[]) =>
  message(24, Buffer.from([2, 0, 0, 0, table, 3, 0, kind]), u32(flags), ...more);

describe('parseNetlink', () => {
  it.each([
    ['up and with carrier', 16, 0x1 | 0x40, true, false],
    ['up without carrier', 16, 0x1, false, false],
    ['down', 16, 0, false, false],
    ['deleted', 17, 0x1 | 0x40, false, true],
  ])('reads a link that is %s', (_, type, flags, isRunning, isGone) => {
    const expected = { type: 'link', index: 7, isRunning, isGone };
    expect(parseNetlink(link(type, 7, flags))).toEqual([expected]);
  });

  it.each([32, 33, 104, 105])('reads a policy rule or next hop: %s', (type) => {
    expect(parseNetlink(message(type, Buffer.alloc(12)))).toEqual([{ type: 'policy' }]);
  });

  it('reads addresses: the local one, and the flags that need 32 bits', () => {
    const peer = Buffer.from([192, 0, 2, 2]);
    const bytes = Buffer.concat([
      addr(20, 3, 0, 0, attribute(1, peer), attribute(2, IPV4)),
      addr(21, 3, 0x80, 253, attribute(1, IPV6), attribute(8, u32(0x40))),
    ]);
    expect(parseNetlink(bytes)).toEqual(
      [
        { type: 'address', index: 3, address: IPV4, isGone: false, isTentative: false, scope: 0 },
        { type: 'address', index: 3, address: IPV6, isGone: true, isTentative: true, scope: 253 },
      ].map((change) => ({ ...change, address: Uint8Array.from(change.address) })),
    );
  });

  it('reads ordinary routes, and no others', () => {
    const out = attribute(4, u32(5));
    expect(parseNetlink(route(254, 1, 0, attribute(1, IPV4), out))).toEqual([
      { type: 'route', index: 5, destination: Uint8Array.from(IPV4) },
    ]);
    expect(parseNetlink(route(254, 1, 0))).toEqual([
      { type: 'route', index: undefined, destination: new Uint8Array(0) },
    ]);
    expect(parseNetlink(route(255, 1, 0, out))).toEqual([]);
    expect(parseNetlink(route(254, 5, 0, out))).toEqual([]);
    expect(parseNetlink(route(254, 1, 0x200, out))).toEqual([]);
  });

  it('passes over other messages, and ends at one that is cut off', () => {
    const known = link(16, 7, 0x41);
    const bytes = Buffer.concat([message(99, IPV6), known, known.subarray(0, 20)]);
    expect(parseNetlink(bytes)).toHaveLength(1);
    expect(parseNetlink(message(16, u32(0)))).toEqual([]);
    expect(parseNetlink(message(20, Buffer.alloc(8), attribute(1, IPV4).subarray(0, 6)))).toEqual(
      [],
    );
  });

  it('ends on every input', () => {
    const bytes = Buffer.concat([
      link(16, 7, 0x41),
      addr(20, 3, 0, 0, attribute(2, IPV4)),
      route(254, 1, 0),
    ]);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.nat(bytes.length), (at, value, end) => {
        const broken = Uint8Array.from(bytes);
        broken[at] = value;
        expect(parseNetlink(broken.subarray(0, end)).length).toBeLessThanOrEqual(3);
      }),
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (any) => void parseNetlink(any)));
  });

  it.runIf(endianness() === 'LE')('reads what the kernel wrote', () => {
    // RTM_NEWROUTE: default via 198.18.1.2 dev 2, table main.
    const bytes = Buffer.from(
      '34000000180000060000000000000000' +
        '02000000fe030001' +
        '00000000' +
        '08000f00fe000000' +
        '08000500c6120102' +
        '0800040002000000',
      'hex',
    );
    expect(parseNetlink(bytes)).toEqual([
      { type: 'route', index: 2, destination: new Uint8Array(0) },
    ]);
  });
});

describe('ChangeFilter', () => {
  const OWN = 9;
  const filter = () => new ChangeFilter(OWN, new Map([[2, ['192.0.2.1']]]));
  const address = (
    change: Partial<Extract<NetlinkChange, { type: 'address' }>>,
  ): NetlinkChange => ({
    type: 'address',
    index: 2,
    address: IPV4,
    isGone: false,
    isTentative: false,
    scope: 0,
    ...change,
  });
  const link = (index: number, isRunning: boolean, isGone = false): NetlinkChange => ({
    type: 'link',
    index,
    isRunning,
    isGone,
  });
  const routeTo = (index: number, destination: Uint8Array): NetlinkChange => ({
    type: 'route',
    index,
    destination,
  });
  /** What has changed by one batch of notifications. */
  const changeBy = (subject: ChangeFilter, ...changes: readonly NetlinkChange[]) => {
    subject.take(changes);
    return subject.collect();
  };
  const SOMETHING = { links: new Map(), lostAddresses: new Set() };
  const lost = (...addresses: readonly string[]) => ({
    ...SOMETHING,
    lostAddresses: new Set(addresses),
  });

  it('does not count an address that is announced again', () => {
    const subject = filter();
    expect(changeBy(subject, address({}))).toBeUndefined();
    expect(changeBy(subject, address({ address: IPV6 }))).toEqual(SOMETHING);
    expect(changeBy(subject, address({ address: IPV6 }))).toBeUndefined();
  });

  it('names an address that goes, and counts it when it comes back', () => {
    const subject = filter();
    expect(changeBy(subject, address({ isGone: true }))).toEqual(lost('192.0.2.1'));
    expect(changeBy(subject, address({ isGone: true }))).toBeUndefined();
    expect(changeBy(subject, address({}))).toEqual(SOMETHING);
    expect(changeBy(subject, address({ isGone: true }), address({}))).toEqual(lost('192.0.2.1'));
  });

  it('counts an IPv6 address when it can be used', () => {
    const subject = filter();
    expect(changeBy(subject, address({ address: IPV6, isTentative: true }))).toBeUndefined();
    expect(changeBy(subject, address({ address: IPV6 }))).toEqual(SOMETHING);
  });

  it('names links whose state changes, with the last state', () => {
    const subject = filter();
    const links = (...states: readonly (readonly [number, string])[]) => ({
      ...SOMETHING,
      links: new Map(states),
    });
    expect(changeBy(subject, link(2, true))).toBeUndefined();
    expect(changeBy(subject, link(2, false))).toEqual(links([2, 'down']));
    expect(changeBy(subject, link(2, true))).toEqual(links([2, 'up']));
    expect(changeBy(subject, link(2, false), link(2, true))).toEqual(links([2, 'up']));
    expect(changeBy(subject, link(3, true), link(2, false))).toEqual(links([3, 'up'], [2, 'down']));
    expect(changeBy(subject, link(3, false, true))).toEqual(links([3, 'gone']));
  });

  it('counts nothing of its own interface, nor what is link-local', () => {
    const subject = filter();
    expect(changeBy(subject, address({ index: OWN, address: IPV6 }))).toBeUndefined();
    expect(changeBy(subject, routeTo(OWN, IPV4))).toBeUndefined();
    expect(changeBy(subject, link(OWN, true))).toBeUndefined();
    expect(changeBy(subject, address({ address: IPV6, scope: 253 }))).toBeUndefined();
    expect(
      changeBy(subject, routeTo(2, Buffer.from(`fe80${'00'.repeat(14)}`, 'hex'))),
    ).toBeUndefined();
  });

  it('counts routes of others, also the default route, and policy rules', () => {
    expect(changeBy(filter(), routeTo(2, IPV4))).toEqual(SOMETHING);
    expect(changeBy(filter(), routeTo(2, new Uint8Array(0)))).toEqual(SOMETHING);
    expect(changeBy(filter(), { type: 'policy' })).toEqual(SOMETHING);
  });

  it('counts notifications that were lost', () => {
    const subject = filter();
    subject.takeUnknown();
    expect(subject.collect()).toEqual(SOMETHING);
    expect(subject.collect()).toBeUndefined();
  });
});
