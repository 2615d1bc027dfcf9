import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { saveConfig } from '../../cli/daemon/saveconfig.js';
import { Secret } from '../../crypto/secret.js';
import { encodeKey } from '../../src/config/key.js';
import { parseConfig } from '../../src/config/parse.js';
import type { UapiDevice, UapiPeer } from '../../src/uapi/codec.js';

const bytes = (value: number): Uint8Array => new Uint8Array(32).fill(value);
const key = (value: number): string => encodeKey(bytes(value));

function peer(value: number, more: Partial<UapiPeer> = {}): UapiPeer {
  return {
    publicKey: bytes(value),
    latestHandshake: 0n,
    rxBytes: 0n,
    txBytes: 0n,
    persistentKeepalive: 0,
    allowedIps: [],
    ...more,
  };
}

function device(...peers: readonly UapiPeer[]): UapiDevice {
  return { privateKey: Secret.take(bytes(9)), listenPort: 7, fwMark: 0, peers };
}

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'wg-ts-save-'));
  file = path.join(folder, 'office.conf');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(...lines: readonly string[]): void {
  writeFileSync(file, `[Interface]\nPrivateKey = ${key(1)}\n${lines.join('\n')}\n`, {
    mode: 0o600,
  });
}

const read = (): string => readFileSync(file, 'utf8');

describe('saveConfig', () => {
  it('takes over the running settings, and keeps what only the file knows', async () => {
    write(
      ...['Address = 10.0.0.2/24', 'DNS = 10.0.0.1, a.example', 'MTU = 1400', 'Table = 12'],
      ...['PreUp = a', 'PostUp = b', 'PreDown = c', 'PostDown = d', 'SaveConfig = true'],
      ...['ListenPort = 1', 'FwMark = 5', '[Peer]', `PublicKey = ${key(2)}`],
      ...[`PresharedKey = ${key(3)}`, 'PersistentKeepalive = 5', 'Endpoint = 192.0.2.1:1'],
    );
    const { interface: before } = parseConfig(read()).config;
    const running = device(peer(2, { allowedIps: ['10.1.0.0/16'] }), peer(4));
    expect(await saveConfig(file, () => running)).toBe(true);
    const { config } = parseConfig(read());
    const { privateKey, listenPort, fwMark, ...kept } = config.interface;
    expect(encodeKey(privateKey.expose())).toBe(key(9));
    expect([listenPort, fwMark]).toEqual([7, undefined]);
    expect(kept).toEqual(
      Object.fromEntries(Object.entries(before).filter(([name]) => Object.hasOwn(kept, name))),
    );
    expect(kept).toMatchObject({ mtu: 1400, table: 12, preUp: ['a'], postDown: ['d'] });
    expect(config.peers.map(({ publicKey }) => encodeKey(publicKey))).toEqual([key(2), key(4)]);
    const [first] = config.peers;
    expect(first).not.toHaveProperty('presharedKey');
    expect(first).not.toHaveProperty('endpoint');
    expect(first).not.toHaveProperty('persistentKeepalive');
    expect(first?.allowedIps).toHaveLength(1);
  });

  it('writes the address of an endpoint instead of its name, except where names are needed', async () => {
    const running = device(peer(2, { endpoint: '[2001:db8::1]:5' }));
    write('[Peer]', `PublicKey = ${key(2)}`, 'Endpoint = a.example:1');
    await saveConfig(file, () => running);
    expect(read()).toContain('Endpoint = [2001:db8::1]:5\n');
    write('ReresolveInterval = 60', '[Peer]', `PublicKey = ${key(2)}`, 'Endpoint = a.example:1');
    await saveConfig(file, () => running);
    expect(read()).toContain('Endpoint = a.example:1\n');
    write('[Peer]', `PublicKey = ${key(2)}`, 'Endpoint = a.example:1, b.example:2');
    await saveConfig(file, () => running);
    expect(read()).toContain('Endpoint = a.example:1, b.example:2\n');
  });

  it('keeps ExcludedIPs as long as they match what runs', async () => {
    const lines = [
      '[Peer]',
      `PublicKey = ${key(2)}`,
      'AllowedIPs = 10.0.0.0/31',
      'ExcludedIPs = 10.0.0.0/32',
    ];
    write(...lines);
    await saveConfig(file, () => device(peer(2, { allowedIps: ['10.0.0.1/32'] })));
    expect(read()).toContain('AllowedIPs = 10.0.0.0/31\nExcludedIPs = 10.0.0.0/32\n');
    await saveConfig(file, () => device(peer(2, { allowedIps: ['10.0.0.0/31'] })));
    expect(read()).toContain('AllowedIPs = 10.0.0.0/31\n');
    expect(read()).not.toContain('ExcludedIPs');
  });

  it('leaves a file without SaveConfig alone when asked to', async () => {
    write('# mine');
    const before = read();
    expect(await saveConfig(file, device, { onlyIfAsked: true })).toBe(false);
    expect(read()).toBe(before);
  });

  it('leaves the secrets of the running tunnel as they are', async () => {
    write();
    const running = device(peer(2, { presharedKey: Secret.take(bytes(8)) }));
    await saveConfig(file, () => running);
    expect(running.privateKey?.expose()).toEqual(bytes(9));
    expect(running.peers[0]?.presharedKey?.expose()).toEqual(bytes(8));
    expect(read()).toContain(`PresharedKey = ${key(8)}`);
  });

  it('does not touch a file that it cannot read', async () => {
    writeFileSync(file, 'half an edit');
    await expect(saveConfig(file, device)).rejects.toMatchObject({ code: 'ERR_CONFIG' });
    expect(read()).toBe('half an edit');
    await expect(saveConfig(`${file}.gone`, device)).rejects.toMatchObject({ code: 'ERR_FILE' });
  });
});
