import { describe, expect, it } from 'vitest';
import { Secret } from '../../crypto/secret.js';
import { ConfigError } from '../../src/config/errors.js';
import { parseConfig } from '../../src/config/parse.js';
import { errorOf, INTERFACE, PEER, PRIVATE_KEY, PUBLIC_KEY, problemsOf } from './samples.js';

describe('a bad value in [Interface]', () => {
  it.each([
    ['ListenPort = 65536', "3:14: ListenPort: '65536' is not a number from 0 to 65535"],
    ['ListenPort = -1', "3:14: ListenPort: '-1' is not a number from 0 to 65535"],
    ['ListenPort =', "3:13: ListenPort: '' is not a number from 0 to 65535"],
    [
      'FwMark = 0x',
      "3:10: FwMark: '0x' is neither 'off' nor a number of 32 bits, as in 51820 or 0xca6c",
    ],
    [
      'FwMark=4294967296',
      "3:8: FwMark: is neither 'off' nor a number of 32 bits, as in 51820 or 0xca6c",
    ],
    ['MTU = 67', "3:7: MTU: '67' is not a number from 68 to 65535"],
    ['MTU = 1e3', "3:7: MTU: '1e3' is not a number from 68 to 65535"],
    [
      'Table = main',
      "3:9: Table: 'main' is neither 'auto', 'off' nor the number of a routing table (the table main is 254)",
    ],
    ['SaveConfig = yes', "3:14: SaveConfig: 'yes' is neither 'true' nor 'false'"],
    [
      'Metrics = localhost:9586',
      "3:11: Metrics: 'localhost' is a name: use an IP address, as in 127.0.0.1:9586",
    ],
    [
      'Metrics = 127.0.0.1',
      "3:11: Metrics: '127.0.0.1' has no port: write it as in vpn.example.com:51820",
    ],
    ['Metrics = 127.0.0.1:0', '3:21: Metrics: the port is a number from 1 to 65535'],
    [
      'ReresolveInterval = 5m',
      "3:21: ReresolveInterval: '5m' is neither 'off' nor a number of seconds up to 86400",
    ],
    [
      'Address = 10.0.0.1/24, 10.0.0.2/33',
      "3:24: Address: '10.0.0.2/33' is not an address: the prefix length goes up to 32",
    ],
    [
      'Address = 10.0.0.300/24',
      "3:11: Address: '10.0.0.300/24' is not an address: no IP address before the '/'",
    ],
    [
      'Address = fe80::1%lo/64',
      "3:11: Address: 'fe80::1%lo/64' is not an address: a zone (%) is only for Endpoint and DNS",
    ],
    ['DNS = 1.2.3', "3:7: DNS: '1.2.3' is not an IP address"],
    ['DNS = a, b/c', "3:10: DNS: 'b/c' is neither an IP address nor a domain"],
    ['DNS = 1.1.1.1%eth0', "3:7: DNS: '1.1.1.1%eth0' is neither an IP address nor a domain"],
  ])('%s', (line, expected) => {
    expect(problemsOf(INTERFACE + line)).toEqual([`x.conf:${expected}`]);
  });
});

describe('a bad value in [Peer]', () => {
  it.each([
    [
      'AllowedIPs = 10.0.0.0/33',
      "5:14: AllowedIPs: '10.0.0.0/33' is not a network: the prefix length goes up to 32",
    ],
    [
      'AllowedIPs = ::/0,  ::/129',
      "5:21: AllowedIPs: '::/129' is not a network: the prefix length goes up to 128",
    ],
    [
      'AllowedIPs = 10.0.0.0/a',
      "5:14: AllowedIPs: '10.0.0.0/a' is not a network: the prefix length is a number from 0 to 32",
    ],
    [
      'AllowedIPs = 10.0.0.0/8/8',
      "5:14: AllowedIPs: '10.0.0.0/8/8' is not a network: the prefix length is a number from 0 to 32",
    ],
    ['AllowedIPs = 10.0.0.0/8,', '5:25: AllowedIPs: a network is missing beside a comma'],
    ['AllowedIPs = 10.0.0.0/8 ::/0', '5:14: AllowedIPs: networks are separated by commas'],
    [
      'AllowedIPs = +10.0.0.0/8',
      "5:14: AllowedIPs: '+10.0.0.0/8' begins with +, which changes a running interface and has no place in a file",
    ],
    ['AllowedIPs = home', "5:14: AllowedIPs: 'home' is not a network"],
    [
      'Endpoint = 2001:db8::1:51820',
      "5:12: Endpoint: '2001:db8::1:51820' is not host:port: write an IPv6 address in brackets, as in [2001:db8::1]:51820",
    ],
    [
      'Endpoint = vpn.example.com',
      "5:12: Endpoint: 'vpn.example.com' has no port: write it as in vpn.example.com:51820",
    ],
    [
      'Endpoint = [::1]',
      "5:12: Endpoint: '[::1]' has no port: write it as in vpn.example.com:51820",
    ],
    ['Endpoint = [::1:5', "5:12: Endpoint: '[::1:5' has no closing ]"],
    ['Endpoint = [10.0.0.1]:5', "5:13: Endpoint: '10.0.0.1' is not an IPv6 address"],
    ['Endpoint = a_b!:5', "5:12: Endpoint: 'a_b!' is neither an IP address nor a host name"],
    [
      'Endpoint = 10.0.0.999:5',
      "5:12: Endpoint: '10.0.0.999' is neither an IP address nor a host name",
    ],
    ['Endpoint = a:0', '5:14: Endpoint: the port is a number from 1 to 65535'],
    ['Endpoint = a:65536', '5:14: Endpoint: the port is a number from 1 to 65535'],
    ['Endpoint =', '5:11: Endpoint: has no value'],
    ['Endpoint = a:1,,b:2', '5:16: Endpoint: an endpoint is missing beside a comma'],
    ['Endpoint = a:1,b:0', '5:18: Endpoint: the port is a number from 1 to 65535'],
    [
      'PersistentKeepalive = 65536',
      "5:23: PersistentKeepalive: '65536' is neither 'off' nor a number of seconds up to 65535",
    ],
    [
      'PresharedKey = aGVsbG8=',
      '5:16: PresharedKey: has 8 characters; a key has 44 characters of base64',
    ],
  ])('%s', (line, expected) => {
    expect(problemsOf(`${INTERFACE}${PEER}${line}`)).toEqual([`x.conf:${expected}`]);
  });
});

describe('what does not belong', () => {
  it.each([
    ['[Interface]\nPrivatKey = x', "2:1: unknown key 'PrivatKey'; did you mean PrivateKey?"],
    [`${INTERFACE}  Adress = 10.0.0.1`, "3:3: unknown key 'Adress'; did you mean Address?"],
    [`${INTERFACE}Foo = 1`, "3:1: unknown key 'Foo'"],
    [`${INTERFACE}PostConnect = 1`, "3:1: unknown key 'PostConnect'"],
    [`${INTERFACE}AllowedIPs = ::/0`, '3:1: AllowedIPs belongs in [Peer]'],
    [
      `${INTERFACE}AllowedIP = ::/0`,
      "3:1: unknown key 'AllowedIP'; did you mean AllowedIPs, which belongs in [Peer]?",
    ],
    [`${INTERFACE}${PEER}mtu = 1400`, '5:1: MTU belongs in [Interface]'],
    [`MTU = 1400\n${INTERFACE}`, '1:1: MTU stands before the first section'],
    [`${INTERFACE}[Peers]\nx = y`, "3:1: unknown section 'Peers'; did you mean [Peer]?"],
    [`${INTERFACE}[Network]\n`, "3:1: unknown section 'Network'; there are [Interface] and [Peer]"],
    [`${INTERFACE} [Peer`, "3:2: is neither '[Section]' nor 'Key = value'"],
    [`${INTERFACE}Address 10.0.0.1`, "3:1: is neither '[Section]' nor 'Key = value'"],
    [`${INTERFACE}= 10.0.0.1`, '3:1: unknown key'],
  ])('%j', (text, expected) => {
    expect(problemsOf(text)).toEqual([`x.conf:${expected}`]);
  });
});

describe('what is missing', () => {
  it.each([
    ['', '1:1: there is no [Interface] section'],
    [PEER, '1:1: there is no [Interface] section'],
    ['\n[Interface]\nMTU = 1400', '2:1: [Interface] has no PrivateKey'],
    [`${INTERFACE}\n[Peer]\nAllowedIPs = ::/0\n${PEER}`, '4:1: [Peer] has no PublicKey'],
    ['[Interface]\nPreDown = true', '1:1: [Interface] has no PrivateKey'],
    ['[Interface]\nPrivateKey =', '2:13: PrivateKey: has no value'],
    [
      `[Interface]\nPrivateKey = ${'A'.repeat(43)}=`,
      '2:14: PrivateKey: is all zeros, which is not a key',
    ],
  ])('%j', (text, expected) => {
    expect(problemsOf(text)).toEqual([`x.conf:${expected}`]);
  });
});

describe('ConfigError', () => {
  const text = `${INTERFACE}MTU = x\n${PEER}[Peer]\nEndpoint = a:b`;

  it('says the first problem and how many more there are, and lists them in order', () => {
    const error = errorOf(text, 'office.conf');
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toBe(
      "office.conf:3:7: MTU: 'x' is not a number from 68 to 65535 (and 2 more)",
    );
    expect(error).toMatchObject({
      code: 'ERR_CONFIG',
      exitCode: 2,
      line: 3,
      column: 7,
      key: 'MTU',
    });
    expect(error.problems.map(({ line }) => line)).toEqual([3, 6, 7]);
  });

  it('counts columns in UTF-16 units, and a byte order mark not at all', () => {
    expect(problemsOf(`\ufeff[Interfaces]\n[Peer]\nEndpoint = 😀 ..\n`)).toEqual([
      "x.conf:1:1: unknown section 'Interfaces'; did you mean [Interface]?",
      'x.conf:1:1: there is no [Interface] section',
      'x.conf:2:1: [Peer] has no PublicKey',
      'x.conf:3:12: Endpoint: has no port: write it as in vpn.example.com:51820',
    ]);
  });

  it('is about a file called config when none is named', () => {
    expect(() => parseConfig('')).toThrow('config:1:1: there is no [Interface] section');
  });
});

describe('a hostile file', () => {
  const mebibyte = 1024 * 1024;

  it.each([
    ['of junk', 'x'.repeat(mebibyte)],
    ['of lines of junk', 'x\n'.repeat(mebibyte / 2)],
    ['of brackets', '['.repeat(mebibyte)],
    ['of sections', '[Peer]\n'.repeat(mebibyte / 7)],
    ['of equals signs', `[Interface]\n${'='.repeat(mebibyte)}`],
    ['of a long key', `[Interface]\n${'k'.repeat(mebibyte)} = 1`],
    ['of a long number', `[Interface]\nMTU = ${'9'.repeat(mebibyte)}`],
    ['of spaces', `[Interface]\nMTU =${' '.repeat(mebibyte)}x`],
    ['of spaces in a list', `${INTERFACE}${PEER}AllowedIPs = a${' '.repeat(mebibyte)}b`],
    ['of commas', `${INTERFACE}${PEER}AllowedIPs = ${','.repeat(mebibyte)}`],
    ['of labels', `${INTERFACE}DNS = ${'a.'.repeat(mebibyte / 2)}-`],
    ['of colons', `${INTERFACE}${PEER}Endpoint = ${':'.repeat(mebibyte)}`],
    ['of quotes', `${INTERFACE}PostUp = ${'"\''.repeat(mebibyte / 2)}#\nMTU = x`],
    ['of a long key value', `[Interface]\nPrivateKey = ${'A'.repeat(mebibyte)}`],
  ])('%s has a bounded number of short problems', (_, text) => {
    const problems = problemsOf(text);
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.length).toBeLessThanOrEqual(20);
    for (const problem of problems) expect(problem.length).toBeLessThan(300);
  });

  it.each([
    [`${INTERFACE}${PEER}AllowedIPs = ${'10.0.0.1,'.repeat(50_000)}10.0.0.1`, 1],
    [
      `${INTERFACE}${PEER}AllowedIPs = ${Array.from({ length: 50_000 }, (_, i) => `10.${i >> 8}.${i & 255}.1`).join()}`,
      50_000,
    ],
  ])('of a long list is read (%#)', (text, count) => {
    expect(parseConfig(text).config.peers[0]?.allowedIps).toHaveLength(count);
  });

  it('with a NUL says where it is and what it may be', () => {
    expect(problemsOf(`${INTERFACE}MTU\0 = 1`)).toEqual([
      'x.conf:3:4: contains a NUL character: it is not a text file, or it is UTF-16 and has to be saved as UTF-8',
    ]);
  });

  it('cannot write to the terminal by way of a message', () => {
    for (const text of ['\u001b[31m = 1', 'MTU = \u001b[2J', '[\u001b]', 'DNS = \u009b1m'])
      expect(problemsOf(INTERFACE + text).join('')).not.toMatch(/\p{Cc}/u);
  });
});

describe('secrets', () => {
  it('of a refused file are zeroed', () => {
    const zeroed: number[] = [];
    const zero = Secret.prototype.zero;
    Secret.prototype.zero = function (this: Secret): void {
      zeroed.push(this.length);
      zero.call(this);
    };
    try {
      problemsOf(`${INTERFACE}${PEER}PresharedKey = ${PRIVATE_KEY}\nfoo = 1`);
    } finally {
      Secret.prototype.zero = zero;
    }
    expect(zeroed).toEqual([32, 32]);
  });

  it('never appear, not even as the name of a key', () => {
    const hex = Buffer.from(PRIVATE_KEY, 'base64').toString('hex');
    for (const key of [PRIVATE_KEY, hex, PRIVATE_KEY.slice(0, 20)])
      for (const text of [key, `${key} = 1`, `[${key}]`, `PrivteKey = ${key}`, `MTU = ${key}`])
        expect(problemsOf(INTERFACE + text).join('\n')).not.toContain(key.slice(0, 8));
    expect(problemsOf(`${INTERFACE}[Peer]\nPublicKey = ${PUBLIC_KEY}A`).join('')).not.toContain(
      PUBLIC_KEY.slice(0, 8),
    );
  });

  it('never appear in pieces that look harmless alone', () => {
    const pieces = `${PRIVATE_KEY.slice(0, 6)}!, ${PRIVATE_KEY.slice(7)}`;
    expect(problemsOf(`${INTERFACE}DNS = ${pieces}`)[0]).toBe(
      'x.conf:3:7: DNS: is neither an IP address nor a domain',
    );
    expect(problemsOf(`${INTERFACE}AbcdeFghijk=`)).toEqual(['x.conf:3:1: unknown key']);
  });
});
