import dns from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeQuery, isQueryable, type Query, readAnswer } from '../../src/names/message.js';

const query: Query = { id: 0x1234, name: 'vpn.example.com', type: 'A' };
const A = (name: string, data: string): dns.StringAnswer => ({ type: 'A', name, ttl: 60, data });
const alias = (name: string, data: string): dns.StringAnswer => ({
  type: 'CNAME',
  name,
  ttl: 60,
  data,
});

function response(change: dns.Packet = {}, rcode = 0): Uint8Array {
  return dns.encode({
    type: 'response',
    id: query.id,
    flags: rcode,
    questions: [{ type: 'A', name: query.name, class: 'IN' }],
    ...change,
  });
}

const none = { type: 'addresses', addresses: [] };

describe('a query', () => {
  it('is one question that asks for recursion', () => {
    expect(Buffer.from(encodeQuery(query)).toString('latin1')).toBe(
      '\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03vpn\x07example\x03com\0\0\x01\0\x01',
    );
    expect(dns.decode(Buffer.from(encodeQuery({ ...query, type: 'AAAA' }))).questions).toEqual([
      { name: query.name, type: 'AAAA', class: 'IN' },
    ]);
  });

  it.each([
    ['a name', 'vpn.example.com', true],
    ['the longest label', `${'a'.repeat(63)}.com`, true],
    ['a label that is too long', `${'a'.repeat(64)}.com`, false],
    ['an empty label', 'a..com', false],
    ['nothing', '', false],
    ['the longest name', `${'a.'.repeat(126)}b`, true],
    ['a name that is too long', `${'a.'.repeat(126)}bc`, false],
  ])('of %s can be asked, or not', (_, name, can) => {
    expect(isQueryable(name)).toBe(can);
  });
});

describe('an answer', () => {
  it('gives the addresses of the name, in order and in canonical form', () => {
    const answers = [A(query.name, '192.0.2.2'), A('VPN.Example.COM', '192.0.2.1')];
    expect(readAnswer(response({ answers }), query)).toEqual({
      type: 'addresses',
      addresses: ['192.0.2.2', '192.0.2.1'],
    });
    const ofIpv6: Query = { ...query, type: 'AAAA' };
    const data = '2001:DB8:0:0::A';
    const six = response({
      questions: [{ type: 'AAAA', name: query.name }],
      answers: [{ type: 'AAAA', name: query.name, ttl: 1, data }],
    });
    expect(readAnswer(six, ofIpv6)).toEqual({ type: 'addresses', addresses: ['2001:db8::a'] });
  });

  it('gives no addresses of other names', () => {
    const answers = [A('other.example.com', '192.0.2.1')];
    expect(readAnswer(response({ answers }), query)).toEqual(none);
  });

  it.each<[string, dns.Packet]>([
    ['another id', { id: 0x1235 }],
    ['a query', { type: 'query' }],
    ['another name', { questions: [{ type: 'A', name: 'vpn.example.org' }] }],
    ['another type', { questions: [{ type: 'AAAA', name: query.name }] }],
    ['another class', { questions: [{ type: 'A', name: query.name, class: 'CH' }] }],
    ['no question', { questions: [] }],
    [
      'two questions',
      {
        questions: [
          { type: 'A', name: query.name },
          { type: 'A', name: query.name },
        ],
      },
    ],
  ])('with %s is none', (_, change) => {
    const answers = [A(query.name, '192.0.2.66')];
    expect(readAnswer(response({ answers, ...change }), query)).toBeUndefined();
  });

  it('may repeat the question in upper case', () => {
    const questions = [{ type: 'A' as const, name: 'VPN.EXAMPLE.COM' }];
    expect(readAnswer(response({ questions }), query)).toEqual(none);
  });

  it('is followed through aliases, but not in a circle and not without end', () => {
    const chain = (length: number): dns.Answer[] =>
      Array.from({ length }, (_, i) => alias(i === 0 ? query.name : `n${i}.com`, `n${i + 1}.com`));
    const last = (length: number): dns.Answer => A(`n${length}.com`, '192.0.2.1');
    for (const length of [1, 8])
      expect(
        readAnswer(response({ answers: [last(length), ...chain(length)] }), query),
      ).toMatchObject({ addresses: ['192.0.2.1'] });
    const tooLong = response({ answers: [...chain(9), last(9)] });
    expect(readAnswer(tooLong, query)).toEqual({ type: 'refused' });
    const circle = [alias(query.name, 'n1.com'), alias('n1.com', query.name)];
    expect(readAnswer(response({ answers: circle }), query)).toEqual({ type: 'refused' });
  });

  it('may be no more than another name to ask for', () => {
    const answers = [alias(query.name, 'n1.com')];
    expect(readAnswer(response({ answers }), query)).toEqual({ type: 'alias', name: 'n1.com' });
  });

  it('says that a name does not exist, or that the server does not know', () => {
    expect(readAnswer(response({}, 3), query)).toEqual({ type: 'no such name' });
    for (const rcode of [1, 2, 4, 5, 15])
      expect(readAnswer(response({}, rcode), query)).toEqual({ type: 'refused' });
  });

  it('that is cut off in its midst is known as such', () => {
    const flags = dns.TRUNCATED_RESPONSE;
    const whole = response({ flags, answers: [A(query.name, '192.0.2.1')] });
    expect(readAnswer(whole.subarray(0, whole.length - 3), query)).toEqual({ type: 'truncated' });
  });

  it('that is larger than 4096 bytes is none', () => {
    const answers = Array.from({ length: 250 }, (_, i) => A('x', `192.0.2.${i}`));
    const enough = response({ answers: [A(query.name, '192.0.2.1'), ...answers] });
    expect(enough.length).toBeGreaterThan(4096);
    expect(readAnswer(enough, query)).toBeUndefined();
  });

  it('of any bytes is read without an error', () => {
    const header = response({ answers: [A(query.name, '192.0.2.1')] });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(header.length), (bytes, at) => {
        const mixed = Buffer.concat([header.subarray(0, at), bytes]);
        const answer = readAnswer(mixed, query);
        if (answer?.type === 'addresses')
          for (const address of answer.addresses) expect(address).toMatch(/^[\d.]+$/);
      }),
    );
  });
});
