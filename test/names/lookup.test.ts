import dns from 'dns-packet';
import { beforeEach, describe, expect, it } from 'vitest';
import { addressesInHosts } from '../../src/names/hosts.js';
import { candidatesOf, LONGEST_LOOKUP, Lookup } from '../../src/names/lookup.js';
import { inOrder } from '../../src/names/order.js';
import type { Transmission } from '../../src/names/question.js';

const [FIRST, SECOND] = ['192.0.2.53', '192.0.2.54'] as const;

let now: number;
let nextId: number;
let lookup: Lookup;
beforeEach(() => {
  now = 1_000_000;
  nextId = 0;
});

function start(...candidates: readonly string[]): void {
  const randomId = (): number => nextId++;
  const names = candidates.length > 0 ? candidates : ['vpn.example.com'];
  lookup = new Lookup(now, { candidates: names, servers: [FIRST, SECOND], randomId });
}

/** What is under way, as text. */
const asked = (): string[] =>
  lookup.transmissions.map(
    ({ server, over, query }) => `${over} ${server} ${query.name} ${query.type}`,
  );

function underWay(type: 'A' | 'AAAA'): Transmission {
  const found = lookup.transmissions.find(({ query }) => query.type === type);
  if (!found) throw new Error(`nothing is asked about ${type}`);
  return found;
}

interface Response {
  readonly addresses?: readonly string[];
  readonly flags?: number;
  readonly alias?: string;
}

function responseTo({ query }: Transmission, response: Response): Uint8Array {
  const { addresses = [], flags = 0, alias } = response;
  const { id, name, type } = query;
  return dns.encode({
    ...{ type: 'response', id, flags, questions: [{ name, type }] },
    answers: [
      ...(alias === undefined ? [] : [{ type: 'CNAME' as const, name, ttl: 1, data: alias }]),
      ...addresses.map((data) => ({ type, name, ttl: 1, data })),
    ],
  });
}

function answer(type: 'A' | 'AAAA', response: Response): void {
  const transmission = underWay(type);
  lookup.handleAnswer(now, transmission, responseTo(transmission, response));
}

function pass(millis: number): void {
  const end = now + millis;
  while (!lookup.result && lookup.deadline <= end) {
    now = Math.max(now, lookup.deadline);
    lookup.handleTimeout(now);
  }
  now = end;
}

const [NO_SUCH_NAME, SERVER_FAILURE] = [3, 2];

describe('a lookup', () => {
  it('asks the first server for addresses of both families, each under its own id', () => {
    start();
    expect(asked()).toEqual([
      `udp ${FIRST} vpn.example.com AAAA`,
      `udp ${FIRST} vpn.example.com A`,
    ]);
    expect(new Set(lookup.transmissions.map(({ query }) => query.id)).size).toBe(2);
    answer('A', { addresses: ['192.0.2.1'] });
    expect(lookup.result).toBeUndefined();
    answer('AAAA', { addresses: ['2001:db8::1'] });
    expect(lookup.result).toEqual({
      type: 'addresses',
      addresses: ['2001:db8::1', '192.0.2.1'],
    });
    expect(lookup.transmissions).toEqual([]);
  });

  it('asks the next server when one does not answer, refuses, or cannot be reached', () => {
    start();
    pass(1500);
    expect(new Set(lookup.transmissions.map(({ server }) => server))).toEqual(new Set([SECOND]));
    start();
    answer('A', { flags: SERVER_FAILURE });
    lookup.handleFailure(now, underWay('AAAA'));
    expect(new Set(lookup.transmissions.map(({ server }) => server))).toEqual(new Set([SECOND]));
  });

  it('asks each server twice, with more patience, and then gives up', () => {
    start();
    const seen: string[] = [];
    const begin = now;
    while (!lookup.result) {
      const { server, query } = underWay('A');
      seen.push(`${(now - begin) / 1000} ${server} ${query.id}`);
      pass(lookup.deadline - now);
    }
    expect(seen.map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
      `0 ${FIRST}`,
      `1.5 ${SECOND}`,
      `3 ${FIRST}`,
      `6 ${SECOND}`,
    ]);
    expect(new Set(seen.map((line) => line.split(' ')[2])).size).toBe(4);
    expect(lookup.result).toEqual({ type: 'no answer' });
  });

  it('ends in bounded time, however many servers there are', () => {
    const servers = Array.from({ length: 6 }, (_, i) => `192.0.2.${i}`);
    lookup = new Lookup(now, { candidates: ['a', 'b'], servers, randomId: () => 1 });
    const begin = now;
    pass(LONGEST_LOOKUP - 1);
    expect(lookup.result).toBeUndefined();
    pass(1);
    expect(now - begin).toBe(LONGEST_LOOKUP);
    expect(lookup.result).toEqual({ type: 'no answer' });
  });

  it('takes what is known of one family when the other keeps it waiting', () => {
    start();
    answer('A', { addresses: ['192.0.2.1'] });
    pass(999);
    expect(lookup.result).toBeUndefined();
    pass(1);
    expect(lookup.result).toEqual({ type: 'addresses', addresses: ['192.0.2.1'] });
  });

  it('asks again over TCP when an answer is cut off', () => {
    start();
    const before = underWay('A').query.id;
    answer('A', { flags: dns.TRUNCATED_RESPONSE });
    const again = underWay('A');
    expect(again).toMatchObject({ over: 'tcp', server: FIRST });
    expect(again.query.id).not.toBe(before);
    answer('A', { addresses: ['192.0.2.1'] });
    answer('AAAA', {});
    expect(lookup.result).toEqual({ type: 'addresses', addresses: ['192.0.2.1'] });
  });

  it('takes nonsense over TCP for a failure of the server, and ignores it over UDP', () => {
    start();
    const nonsense = Uint8Array.of(1, 2, 3);
    const first = underWay('A');
    lookup.handleAnswer(now, first, nonsense);
    expect(underWay('A')).toBe(first);
    answer('A', { flags: dns.TRUNCATED_RESPONSE });
    lookup.handleAnswer(now, underWay('A'), nonsense);
    expect(underWay('A')).toMatchObject({ over: 'udp', server: SECOND });
  });

  it('ignores an answer to a query that it has given up', () => {
    start();
    const late = underWay('A');
    pass(1500);
    lookup.handleAnswer(now, late, responseTo(late, { addresses: ['192.0.2.1'] }));
    answer('AAAA', {});
    expect(lookup.result).toBeUndefined();
  });

  it('follows an alias by another question, but not without end', () => {
    start();
    answer('AAAA', {});
    for (let i = 1; i <= 8; i++) {
      answer('A', { alias: `n${i}.com` });
      expect(underWay('A').query.name).toBe(`n${i}.com`);
    }
    answer('A', { alias: 'n9.com' });
    expect(lookup.result).toEqual({ type: 'no such name' });
  });

  it('goes on to the next name that may be meant when one has no address at all', () => {
    start('vpn.a.com', 'vpn.b.com', 'vpn');
    answer('A', { flags: NO_SUCH_NAME });
    expect(asked()).toEqual([`udp ${FIRST} vpn.a.com AAAA`]);
    answer('AAAA', { flags: NO_SUCH_NAME });
    answer('A', {});
    answer('AAAA', {});
    expect(asked()).toEqual([`udp ${FIRST} vpn AAAA`, `udp ${FIRST} vpn A`]);
    answer('A', { flags: NO_SUCH_NAME });
    answer('AAAA', { flags: NO_SUCH_NAME });
    expect(lookup.result).toEqual({ type: 'no such name' });
  });

  it('does not take another name while it is open whether the first one exists', () => {
    start('vpn.a.com', 'vpn.b.com');
    answer('A', { flags: NO_SUCH_NAME });
    pass(LONGEST_LOOKUP);
    expect(lookup.result).toEqual({ type: 'no answer' });
  });

  it('does not send a name that fits into no query', () => {
    start('a'.repeat(64));
    expect(lookup.result).toEqual({ type: 'no such name' });
  });
});

describe('the names that may be meant', () => {
  const search = ['a.com', 'b.com'];

  it.each<[string, number, readonly string[]]>([
    ['vpn', 1, ['vpn.a.com', 'vpn.b.com', 'vpn']],
    ['vpn.x', 1, ['vpn.x', 'vpn.x.a.com', 'vpn.x.b.com']],
    ['vpn.x', 2, ['vpn.x.a.com', 'vpn.x.b.com', 'vpn.x']],
    ['vpn.x.', 2, ['vpn.x']],
  ])('of %s with ndots:%d', (host, ndots, expected) => {
    expect(candidatesOf(host, { search, ndots })).toEqual(expected);
  });
});

describe('/etc/hosts', () => {
  const text = [
    '127.0.0.1 localhost',
    '192.0.2.1\tvpn.example.com vpn # vpn.example.org',
    '#192.0.2.2 vpn.example.com',
    '  2001:DB8::1 VPN.example.com.  ',
    'nonsense vpn.example.com',
  ].join('\n');

  it('gives all addresses of a name or another of its names', () => {
    expect(addressesInHosts(text, 'vpn.EXAMPLE.com')).toEqual(['192.0.2.1', '2001:db8::1']);
    expect(addressesInHosts(text, 'vpn')).toEqual(['192.0.2.1']);
  });

  it('gives nothing for part of a name, or for a comment', () => {
    expect(addressesInHosts(text, 'example.com')).toEqual([]);
    expect(addressesInHosts(text, 'vpn.example.org')).toEqual([]);
  });
});

describe('the order of addresses', () => {
  const addresses = ['192.0.2.1', '2001:db8::1', '192.0.2.2', '2001:db8::2'];
  const order = (v4: string | undefined, v6: string | undefined): string[] =>
    inOrder(addresses, (address) => (address.includes(':') ? v6 : v4));

  it('has IPv6 first, if this machine has a global address, and else keeps that of the answer', () => {
    expect(order('10.0.0.1', '2001:db8:1::1')).toEqual([
      '2001:db8::1',
      '2001:db8::2',
      '192.0.2.1',
      '192.0.2.2',
    ]);
    expect(order('10.0.0.1', 'fd00::1')[0]).toBe('192.0.2.1');
  });

  it('has those last that cannot be reached', () => {
    expect(order('10.0.0.1', undefined).slice(0, 2)).toEqual(['192.0.2.1', '192.0.2.2']);
    expect(order(undefined, 'fd00::1').slice(0, 2)).toEqual(['2001:db8::1', '2001:db8::2']);
  });
});
