import { describe, expect, it } from 'vitest';
import { encodeKey } from '../../src/config/key.js';
import { INTERFACE_KEYS, PEER_KEYS } from '../../src/config/section.js';
import { stripConfig } from '../../src/config/strip.js';

describe('stripConfig', () => {
  it('leaves what wg(8) takes, comments too, and adds an empty line', () => {
    const text =
      '# top\n[Interface]\nPrivateKey = k # c\nAddress = 10.0.0.1\n\n[Peer]\nPublicKey = p\n';
    expect(stripConfig(text)).toBe(
      '# top\n[Interface]\nPrivateKey = k # c\n\n[Peer]\nPublicKey = p\n\n',
    );
  });

  it('takes away every key that wg(8) does not know, whatever its case', () => {
    const section = (name: string, keys: readonly string[]): string =>
      `[${name}]\n${keys.map((key) => `${key.toUpperCase()} = 1\n`).join('')}`;
    const ofPeer = PEER_KEYS.filter((key) => key !== 'ExcludedIPs');
    const text = section('interface', INTERFACE_KEYS) + section('PEER', ofPeer);
    expect(stripConfig(text).match(/^\w+(?= =)/gm)).toEqual(
      [
        ...['PrivateKey', 'ListenPort', 'FwMark'],
        ...['PublicKey', 'PresharedKey', 'AllowedIPs', 'Endpoint', 'PersistentKeepalive'],
      ].map((key) => key.toUpperCase()),
    );
  });

  it('leaves what it does not know for wg(8) to complain of', () => {
    expect(stripConfig('[Interface]\nAdress = 1\nhello\n[Other]\nMTU = 1')).toBe(
      '[Interface]\nAdress = 1\nhello\n[Other]\nMTU = 1\n\n',
    );
  });

  it('keeps a key of the other section, as it stands', () => {
    expect(stripConfig('[Peer]\nMTU = 1\n')).toBe('[Peer]\nMTU = 1\n\n');
  });

  it('leaves the first of several Endpoints', () => {
    expect(stripConfig('[Peer]\nEndpoint = a.example:1 , [::1]:2,b:3 # x, y\n')).toBe(
      '[Peer]\nEndpoint = a.example:1 # x, y\n\n',
    );
    expect(stripConfig('[Peer]\nEndpoint = a.example:1 # x, y\n')).toBe(
      '[Peer]\nEndpoint = a.example:1 # x, y\n\n',
    );
  });

  it('takes ExcludedIPs out of AllowedIPs', () => {
    const [k, p] = [1, 2].map((value) => encodeKey(new Uint8Array(32).fill(value)));
    const rest = `[Peer]\nPublicKey = ${k}\nAllowedIPs = 10.9.0.0/24 # as it is\n`;
    const head = `[Interface]\nPrivateKey = ${k}\n[Peer]\nPublicKey = ${p}\n`;
    const text = `${head}AllowedIPs = 10.0.0.0/30\nExcludedIPs = 10.0.0.0/32\n${rest}`;
    expect(stripConfig(text)).toBe(`${head}AllowedIPs = 10.0.0.1/32, 10.0.0.2/31\n${rest}\n`);
    expect(() => stripConfig(text.replace('/30', '/x'), 'a.conf')).toThrow('a.conf:5');
  });

  it('trims blanks around lines, and passes over a byte order mark', () => {
    expect(stripConfig('\ufeff [Interface]\t\n \t ListenPort = 1 \n')).toBe(
      '[Interface]\nListenPort = 1\n\n',
    );
  });
});
