/** Two tunnels in one process, as the demo and the selftest bring them up. */
import { readFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { addressPairs, bringUpPair } from '../../cli/pair/tunnels.js';
import { type Config, MemoryTun, parseConfig } from '../../src/index.js';
import { ip } from '../support/packets.js';

function example(name: string): Config {
  const text = readFileSync(new URL(`../../configs/${name}`, import.meta.url), 'utf8');
  const { config } = parseConfig(text);
  const { listenPort, ...onAnyPort } = config.interface;
  // A keepalive would bring the handshake before anybody listens.
  const peers = config.peers.map((peer) => ({ ...peer, persistentKeepalive: 0 }));
  return { interface: onAnyPort, peers };
}

describe('a pair of tunnels', () => {
  const [server, client] = [example('server.conf'), example('demo.conf')];

  it('reaches one another, and closes at both ends', async () => {
    const pair = await bringUpPair({
      server: { config: server, tun: new MemoryTun() },
      client: { config: client, tun: new MemoryTun() },
    });
    onTestFinished(() => pair.close());
    await pair.client.tunnel.handshake();
    await expect.poll(() => pair.client.roles).toEqual(['initiator']);
    await expect.poll(() => pair.server.roles).toEqual(['responder']);
    expect(pair.client.tunnel.peers()[0]?.endpoint).toBe(pair.server.address);
    await pair.close();
    await pair.close();
    expect([pair.server, pair.client].map(({ tunnel }) => tunnel.state)).toEqual([
      'closed',
      'closed',
    ]);
  });

  it('leaves no server behind when there is no client', async () => {
    const tun = new MemoryTun();
    const signal = AbortSignal.abort(new Error('interrupted'));
    const ends = {
      server: { config: server, tun },
      client: { config: client, tun: new MemoryTun(), signal },
    };
    await expect(bringUpPair(ends)).rejects.toThrow('interrupted');
    expect(tun.closed).toBe(true);
  });

  it('has its addresses family by family', () => {
    expect(addressPairs(client, server)).toEqual([
      [ip('10.77.0.2'), ip('10.77.0.1')],
      [ip('fd77::2'), ip('fd77::1')],
    ]);
    const addresses = server.interface.addresses.slice(1);
    const v6Only = { ...server, interface: { ...server.interface, addresses } };
    expect(addressPairs(client, v6Only)).toEqual([[ip('fd77::2'), ip('fd77::1')]]);
  });
});
