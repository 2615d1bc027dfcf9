import { describe, expect, it } from 'vitest';
import { readNameServers } from '../../../network/linux/dnsservers.js';
import { parseResolvConf } from '../../../network/linux/resolvconf/parse.js';

const machine = (files: Readonly<Record<string, string>>) => ({
  read: async (path: string) => files[path],
});
const RESOLV_CONF = '/etc/resolv.conf';
const STUB = 'nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch .\n';

describe('the name servers of this machine', () => {
  it('are those of resolv.conf, without what is on loopback', async () => {
    const text =
      '# nameserver 192.0.2.1\nsearch x.com y.com.\nnameserver 192.0.2.2\n nameserver fe80::1%eth0\n';
    const files = { [RESOLV_CONF]: `${text}nameserver 127.0.0.1\nnameserver me\n` };
    expect(await readNameServers(machine(files))).toEqual({
      servers: ['192.0.2.2', 'fe80::1%eth0'],
      search: ['x.com', 'y.com'],
      ndots: 1,
    });
  });

  it('are those that a resolver on loopback queries itself', async () => {
    const files = {
      [RESOLV_CONF]: STUB,
      '/run/systemd/resolve/resolv.conf': 'nameserver 192.0.2.1\nnameserver 127.0.0.1\n',
      '/run/NetworkManager/no-stub-resolv.conf': 'nameserver 192.0.2.1\nnameserver ::1\n',
    };
    expect(await readNameServers(machine(files))).toEqual({
      servers: ['192.0.2.1'],
      search: [],
      ndots: 1,
    });
  });

  it('are read where resolv.conf was saved, if it was replaced for a tunnel', async () => {
    const files = {
      [RESOLV_CONF]: 'nameserver 10.64.0.1\n',
      '/run/wg-ts/resolv.conf.before': 'nameserver 192.0.2.1\n',
    };
    expect((await readNameServers(machine(files))).servers).toEqual(['192.0.2.1']);
    const stub = {
      ...files,
      '/run/wg-ts/resolv.conf.before': STUB,
      '/run/systemd/resolve/resolv.conf': 'nameserver 192.0.2.2\n',
    };
    expect((await readNameServers(machine(stub))).servers).toEqual(['192.0.2.2']);
  });

  it('are never those of the tunnel, nor its search domains', async () => {
    const files = {
      [RESOLV_CONF]: STUB.replace('search .', 'search office.com home.com'),
      '/run/systemd/resolve/resolv.conf': 'nameserver 10.64.0.1\nnameserver 192.0.2.1\n',
    };
    const tunnel = { servers: ['10.64.0.1'], search: ['office.com'] };
    expect(await readNameServers(machine(files), tunnel)).toMatchObject({
      servers: ['192.0.2.1'],
      search: ['home.com'],
    });
  });

  it('are none where nothing is known', async () => {
    expect(await readNameServers(machine({}))).toEqual({ servers: [], search: [], ndots: 1 });
  });
});

describe('resolv.conf', () => {
  it.each([
    ['options ndots:2', 2],
    ['options timeout:1 ndots:0 rotate', 0],
    ['options ndots:99', 15],
    ['options ndots:x', 1],
    ['', 1],
  ])('has %j', (text, ndots) => {
    expect(parseResolvConf(text).ndots).toBe(ndots);
  });

  it('has the search domains of its last line that has any', () => {
    expect(parseResolvConf('domain a.com\nsearch b.com c.com\n').search).toEqual([
      'b.com',
      'c.com',
    ]);
  });
});
