import { describe, expect, it, vi } from 'vitest';
import {
  type Config,
  type ConnectOptions,
  connect,
  MemoryTun,
  type Tunnel,
} from '../../src/index.js';
import { configOf, LOOPBACK, MemoryLogger, newKeys, nextTurn, VirtualClock } from './support.js';

const keys = newKeys();

const up = (config: Config, options: ConnectOptions): Promise<Tunnel> =>
  connect(config, { tun: new MemoryTun(), udp: LOOPBACK, ...options });

describe('a name that cannot be resolved keeps the tunnel down', () => {
  it('only for as long as no peer can be reached, and when none is left', async () => {
    const [missing, slow] = ['missing', 'slow'].map((host) => [
      `PublicKey = ${newKeys().publicKey}`,
      `Endpoint = ${host}.example:51820`,
    ]) as [string[], string[]];
    let tries = 0;
    const resolver = vi.fn(async (host: string) => {
      if (host === 'slow.example' && ++tries === 2) return ['192.0.2.1'];
      const code = host === 'missing.example' ? 'ENOTFOUND' : 'EAI_AGAIN';
      throw Object.assign(new Error('no answer'), { code });
    });
    const clock = new VirtualClock();
    const bringUp = up(configOf(keys.privateKey, [], missing, slow), { resolver, clock });
    while (clock.waiting === 0) await nextTurn();
    clock.advance(1000);
    const tunnel = await bringUp;
    expect(tunnel.peers().map(({ endpoint }) => endpoint)).toEqual([undefined, '192.0.2.1:51820']);
    await tunnel.close();
    const alone = up(configOf(keys.privateKey, [], missing), { resolver, clock });
    await expect(alone).rejects.toMatchObject({ code: 'ERR_RESOLVE' });
  });

  it.each([
    ['no Endpoint', []],
    ['an address as Endpoint', ['Endpoint = 192.0.2.9:51820']],
  ])('not at all beside a peer with %s, and names the other in one warning', async (_, lines) => {
    const resolver = async (): Promise<string[]> => {
      throw Object.assign(new Error('no answer'), { code: 'ENOTFOUND' });
    };
    const lost = newKeys().publicKey;
    const from = configOf(
      keys.privateKey,
      [],
      [`PublicKey = ${newKeys().publicKey}`, ...lines],
      [`PublicKey = ${lost}`, 'Endpoint = lost.example:1'],
    );
    const logger = new MemoryLogger();
    const tunnel = await up(from, { resolver, clock: new VirtualClock(), logger });
    const warnings = logger.lines.filter((line) => line.startsWith('warn'));
    expect(warnings).toEqual([expect.stringContaining('lost.example')]);
    expect(warnings[0]).toContain(lost.slice(0, 8));
    await tunnel.close();
  });
});
