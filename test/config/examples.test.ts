import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { defaultProviders } from '../../crypto/providers.js';
import { formatPrefix } from '../../protocol/ip.js';
import { describeConfig } from '../../src/config/describe.js';
import { interfaceNameOf } from '../../src/config/file.js';
import { encodeKey } from '../../src/config/key.js';
import type { Config } from '../../src/config/model.js';
import { parseConfig } from '../../src/config/parse.js';
import { INTERFACE_KEYS, PEER_KEYS } from '../../src/config/section.js';

const FOLDER: URL = new URL('../../configs/', import.meta.url);
const FILES: readonly string[] = readdirSync(FOLDER);

const read = (file: string): string => readFileSync(new URL(file, FOLDER), 'utf8');

function load(file: string): Config {
  return parseConfig(read(file), { file }).config;
}

function publicKeyOf(config: Config): string {
  return encodeKey(defaultProviders().x25519.publicKey(config.interface.privateKey.expose()));
}

describe('the examples in configs', () => {
  it('are all there', () => {
    expect(FILES).toEqual(
      expect.arrayContaining([
        'demo.conf',
        'every-key.conf',
        'full-tunnel.conf',
        'office.conf',
        'server.conf',
      ]),
    );
  });

  it.each(FILES)('%s is read without a warning, and says that its keys are public', (file) => {
    expect(parseConfig(read(file), { file }).warnings).toEqual([]);
    expect(interfaceNameOf(file)).toBe(file.replace('.conf', ''));
    expect(read(file)).toContain('published examples: never use them');
    expect(read(file)).toMatch(/PrivateKey = EXAMPLE\//);
  });

  it('demo.conf and server.conf are the two ends of one tunnel', () => {
    const [client, server] = [load('demo.conf'), load('server.conf')];
    const [toServer, toClient] = [client.peers[0], server.peers[0]];
    expect(toServer && encodeKey(toServer.publicKey)).toBe(publicKeyOf(server));
    expect(toClient && encodeKey(toClient.publicKey)).toBe(publicKeyOf(client));
    expect(toServer?.endpoint).toEqual({ host: '127.0.0.1', port: server.interface.listenPort });
    expect(client.interface.addresses.map(formatPrefix)).toEqual(['10.77.0.2/24', 'fd77::2/64']);
    expect(toClient?.allowedIps.map(formatPrefix)).toEqual(['10.77.0.2/32', 'fd77::2/128']);
  });

  it('office.conf and full-tunnel.conf differ in the routes', () => {
    expect(describeConfig(load('office.conf'))).toContain('only the allowed IPs go through');
    expect(describeConfig(load('full-tunnel.conf'))).toContain('all traffic goes through');
  });

  it.each([...INTERFACE_KEYS, ...PEER_KEYS])('every-key.conf shows %s', (key) => {
    expect(read('every-key.conf')).toMatch(new RegExp(`^${key} = `, 'm'));
  });
});
