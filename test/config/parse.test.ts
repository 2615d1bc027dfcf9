import { describe, expect, it } from 'vitest';
import { formatPrefix } from '../../protocol/ip.js';
import { formatConfig } from '../../src/config/format.js';
import { encodeKey } from '../../src/config/key.js';
import type { InterfaceConfig, PeerConfig } from '../../src/config/model.js';
import { parseConfig } from '../../src/config/parse.js';
import {
  INTERFACE,
  OTHER_PUBLIC_KEY,
  PEER,
  PRESHARED_KEY,
  PRIVATE_KEY,
  PUBLIC_KEY,
  plain,
  warningsOf,
} from './samples.js';

function interfaceOf(lines: string): InterfaceConfig {
  return parseConfig(INTERFACE + lines).config.interface;
}

function peerOf(lines: string): PeerConfig {
  const [peer] = parseConfig(`${INTERFACE}${PEER}${lines}`).config.peers;
  if (!peer) throw new Error('there is no peer');
  return peer;
}

describe('a small file', () => {
  it('has defaults for all that it leaves out', () => {
    const { config, warnings } = parseConfig(INTERFACE);
    expect(encodeKey(config.interface.privateKey.expose())).toBe(PRIVATE_KEY);
    expect(config).toEqual({
      interface: {
        privateKey: config.interface.privateKey,
        addresses: [],
        dnsServers: [],
        dnsSearch: [],
        table: 'auto',
        preUp: [],
        postUp: [],
        preDown: [],
        postDown: [],
        saveConfig: false,
      },
      peers: [],
    });
    expect(warnings).toEqual([]);
  });

  it.each([
    ['a byte order mark', `\ufeff${INTERFACE}${PEER}`],
    ['CRLF', `${INTERFACE}${PEER}`.replaceAll('\n', '\r\n')],
    ['no line break at the end', `${INTERFACE}${PEER}`.trimEnd()],
    ['no spaces', `[Interface]\nPrivateKey=${PRIVATE_KEY}\n[Peer]\nPublicKey=${PUBLIC_KEY}`],
    ['tabs', `\t[ Interface ]\nPrivateKey\t=\t${PRIVATE_KEY}\t\n[Peer]\nPublicKey =${PUBLIC_KEY}`],
    ['other case', `[INTERFACE]\nprivatekey = ${PRIVATE_KEY}\n[peer]\nPUBLICKEY = ${PUBLIC_KEY}`],
    ['the peer first', `${PEER}${INTERFACE}`],
    [
      'comments',
      `# a\n[Interface] # b\n  # c = d\nPrivateKey = ${PRIVATE_KEY}# [Peer]\n${PEER}#PublicKey = x`,
    ],
  ])('may have %s', (_, text) => {
    expect(plain(parseConfig(text))).toEqual(plain(parseConfig(INTERFACE + PEER)));
  });
});

describe('[Interface]', () => {
  it.each([
    ['ListenPort = 51820', { listenPort: 51820 }],
    ['ListenPort = 065535', { listenPort: 65535 }],
    ['FwMark = 51820', { fwMark: 51820 }],
    ['FwMark = 0xCA6C', { fwMark: 0xca6c }],
    ['FwMark = 0xffffffff', { fwMark: 0xffff_ffff }],
    ['MTU = 1420', { mtu: 1420 }],
    ['MTU = Probe', { probesMtu: true }],
    ['Table = OFF', { table: 'off' }],
    ['Table = auto', { table: 'auto' }],
    ['Table = 1234', { table: 1234 }],
    ['SaveConfig = True', { saveConfig: true }],
    ['SaveConfig = false', { saveConfig: false }],
    ['ReresolveInterval = 300', { reresolveInterval: 300 }],
    ['Metrics = 127.0.0.1:9586', { metrics: { host: '127.0.0.1', port: 9586 } }],
    ['metrics = [0:0::1]:80', { metrics: { host: '::1', port: 80 } }],
  ])('%s', (line, expected) => {
    expect(interfaceOf(line)).toMatchObject(expected);
  });

  it.each([
    'ListenPort = 0',
    'FwMark = off',
    'FwMark = 0',
    'FwMark = 0x0',
    'MTU =',
    'ReresolveInterval = off',
    'Metrics = off',
  ])('%s is the same as nothing', (line) => {
    expect(interfaceOf(line)).toEqual(interfaceOf(''));
  });

  it('collects addresses and keeps their host bits', () => {
    const { addresses } = interfaceOf('Address = 10.0.0.2/24,fd00::2/64\naddress = 10.1.0.1 ::1');
    expect(addresses.map(formatPrefix)).toEqual([
      '10.0.0.2/24',
      'fd00::2/64',
      '10.1.0.1/32',
      '::1/128',
    ]);
  });

  it('tells DNS servers from search domains', () => {
    const { dnsServers, dnsSearch } = interfaceOf(
      'DNS = 192.0.2.53, example.com , FD00:0::53\nDNS = corp fe80::1%eth0',
    );
    expect(dnsServers).toEqual(['192.0.2.53', 'fd00::53', 'fe80::1%eth0']);
    expect(dnsSearch).toEqual(['example.com', 'corp']);
  });

  it('keeps the order and the text of commands, up to the first #', () => {
    const config = interfaceOf(
      'PostUp = a  "b = c", d; e\nPreUp = 1\nPostUp = f # g\nPreDown = 2\nPostDown = 3 %i',
    );
    expect(config).toMatchObject({
      preUp: ['1'],
      postUp: ['a  "b = c", d; e', 'f'],
      preDown: ['2'],
      postDown: ['3 %i'],
    });
  });

  it('may leave the private key to a command, with a warning', () => {
    const text = '[Interface]\nPostUp = wg set %i private-key /etc/keys/%i\n';
    const { config, warnings } = parseConfig(text);
    expect(config.interface.privateKey.expose()).toEqual(new Uint8Array(32));
    expect(warnings).toMatchObject([
      { line: 1, message: expect.stringMatching(/no PrivateKey: PostUp/) },
    ]);
    expect(formatConfig(config)).toBe(text);
  });

  it('does not clamp the private key', () => {
    const key = Buffer.alloc(32, 0xff).toString('base64');
    const { config } = parseConfig(`[Interface]\nPrivateKey = ${key}`);
    expect(config.interface.privateKey.expose()).toEqual(new Uint8Array(32).fill(0xff));
  });
});

describe('[Peer]', () => {
  it('has keys of 32 bytes', () => {
    const peer = peerOf(`PresharedKey = ${PRESHARED_KEY}`);
    expect(encodeKey(peer.publicKey)).toBe(PUBLIC_KEY);
    expect(peer.presharedKey && encodeKey(peer.presharedKey.expose())).toBe(PRESHARED_KEY);
  });

  it('takes a preshared key of zeros for none', () => {
    expect(peerOf(`PresharedKey = ${encodeKey(new Uint8Array(32))}`)).toEqual(peerOf(''));
  });

  it.each([
    ['192.0.2.1:51820', '192.0.2.1', 51820],
    ['[2001:DB8:0::1]:1', '2001:db8::1', 1],
    ['[fe80::1%eth0]:65535', 'fe80::1%eth0', 65535],
    ['vpn.example.com:443', 'vpn.example.com', 443],
    ['VPN-1.example.com.:443', 'VPN-1.example.com.', 443],
    ['bücher.example:443', 'bücher.example', 443],
    ['localhost : 51820', 'localhost', 51820],
  ])('Endpoint = %s', (text, host, port) => {
    expect(peerOf(`Endpoint = ${text}`).endpoint).toEqual({ host, port });
  });

  it('takes further endpoints, to try when the first does not answer', () => {
    const { endpoint, fallbackEndpoints } = peerOf('Endpoint = a.example:1 , [2001:DB8::1]:2,c:3');
    expect(endpoint).toEqual({ host: 'a.example', port: 1 });
    expect(fallbackEndpoints).toEqual([
      { host: '2001:db8::1', port: 2 },
      { host: 'c', port: 3 },
    ]);
    expect(peerOf('Endpoint = a:1')).not.toHaveProperty('fallbackEndpoints');
  });

  it('masks, collects and merges allowed IPs', () => {
    const { allowedIps } = peerOf(
      'AllowedIPs = 10.1.2.3/16, ::/0\nAllowedIPs =\nAllowedIPs=10.1.0.0/16,192.0.2.1',
    );
    expect(allowedIps.map(formatPrefix)).toEqual(['10.1.0.0/16', '::/0', '192.0.2.1/32']);
  });

  it.each([
    ['25', 25],
    ['65535', 65535],
    ['0', undefined],
    ['Off', undefined],
  ])('PersistentKeepalive = %s', (text, seconds) => {
    expect(peerOf(`PersistentKeepalive = ${text}`).persistentKeepalive).toBe(seconds);
  });
});

describe('what is said twice', () => {
  it('counts as it is said last, with a warning', () => {
    const text = `${INTERFACE}ListenPort = 1\nMTU = 1400\nlistenport = 2\n`;
    expect(parseConfig(text).config.interface.listenPort).toBe(2);
    expect(warningsOf(text)).toEqual([
      'x.conf:5:1: ListenPort: takes the place of the one on line 3',
    ]);
  });

  it('lets a later off undo an earlier value', () => {
    expect(interfaceOf('FwMark = 1\nFwMark = off').fwMark).toBeUndefined();
  });

  it('asks for a missing [Peer] line', () => {
    expect(warningsOf(`${INTERFACE}${PEER}PublicKey = ${OTHER_PUBLIC_KEY}`)).toEqual([
      'x.conf:5:1: PublicKey: takes the place of the one on line 4; is a [Peer] line missing between them?',
    ]);
  });

  it('adds one [Interface] to another', () => {
    const text = `${INTERFACE}Address = 10.0.0.1\n${PEER}[interface]\nAddress = 10.0.0.2\n`;
    expect(parseConfig(text).config.interface.addresses).toHaveLength(2);
    expect(warningsOf(text)).toEqual([
      'x.conf:6:1: [Interface] appears again: it adds to the one on line 1',
    ]);
  });

  it('makes one peer of sections with one public key, as wg(8) does', () => {
    const text = `${INTERFACE}${PEER}AllowedIPs = 10.1.0.0/16
PresharedKey = ${PRESHARED_KEY}
Endpoint = 192.0.2.1:1
PersistentKeepalive = 25
[Peer]
PublicKey = ${OTHER_PUBLIC_KEY}
${PEER}AllowedIPs = 10.2.0.0/16
Endpoint = 192.0.2.2:2
PersistentKeepalive = off`;
    const { peers } = parseConfig(text).config;
    expect(peers).toHaveLength(2);
    expect(peers[0]?.allowedIps.map(formatPrefix)).toEqual(['10.2.0.0/16']);
    expect(peers[0]?.endpoint).toEqual({ host: '192.0.2.2', port: 2 });
    expect(peers[0]?.persistentKeepalive).toBeUndefined();
    expect(peers[0]?.presharedKey && encodeKey(peers[0].presharedKey.expose())).toBe(PRESHARED_KEY);
    expect(warningsOf(text)).toEqual([
      'x.conf:11:1: this is the same peer as on line 3, and its AllowedIPs replace the earlier ones',
    ]);
  });

  it('gives a network to the last peer that names it', () => {
    const text = `${INTERFACE}${PEER}AllowedIPs = 10.1.0.0/16, 10.2.0.0/16
[Peer]
PublicKey = ${OTHER_PUBLIC_KEY}
AllowedIPs = 10.2.9.9/16, fd00::/8`;
    const { peers } = parseConfig(text).config;
    expect(peers.map((peer) => peer.allowedIps.map(formatPrefix))).toEqual([
      ['10.1.0.0/16'],
      ['10.2.0.0/16', 'fd00::/8'],
    ]);
    expect(warningsOf(text)).toEqual([
      'x.conf:8:14: AllowedIPs: 10.2.0.0/16 is taken from the peer that has it on line 5',
    ]);
  });

  it('keeps a network that a later section for the same peer names again', () => {
    const text = `${INTERFACE}${PEER}AllowedIPs = ::/0\n${PEER}AllowedIPs = ::/0`;
    const { peers } = parseConfig(text).config;
    expect(peers.map((peer) => peer.allowedIps.map(formatPrefix))).toEqual([['::/0']]);
  });

  it('frees the networks of a peer whose later section does not name them', () => {
    const text = `${INTERFACE}${PEER}AllowedIPs = 10.1.0.0/16
[Peer]
PublicKey = ${OTHER_PUBLIC_KEY}
AllowedIPs = 10.1.0.0/16
${PEER}AllowedIPs = 10.1.0.0/16
[Peer]
PublicKey = ${OTHER_PUBLIC_KEY}`;
    const { peers } = parseConfig(text).config;
    expect(peers.map((peer) => peer.allowedIps.length)).toEqual([1, 0]);
  });
});

describe('warnings', () => {
  it.each([
    [
      'PostUp = echo "a # b"',
      "x.conf:3:10: PostUp: the command ends at the '#', although it is in quotes",
    ],
    ['PostUp = ', 'x.conf:3:9: PostUp: is empty and does nothing'],
    [
      'MTU = 1200\nAddress = fd00::1',
      'x.conf:3:7: MTU: the IPv6 addresses will not work with an MTU below 1280',
    ],
  ])('%j', (lines, warning) => {
    expect(warningsOf(INTERFACE + lines)).toEqual([warning]);
  });

  it('stop at twenty', () => {
    expect(warningsOf(INTERFACE + 'MTU = 1400\n'.repeat(100))).toHaveLength(20);
  });
});
