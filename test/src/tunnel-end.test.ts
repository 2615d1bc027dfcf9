import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MemoryTun } from '../../src/index.js';
import { type ConnectProgramOptions, connectProgram } from '../../src/program.js';
import { ipPacket } from '../support/packets.js';
import { freePort, takePort } from '../support/ports.js';
import { waitFor } from '../support/waiting.js';
import { configOf, LOOPBACK, MemoryLogger, newKeys, nextTurn } from './support.js';

const keys = newKeys();
const peer = newKeys();

async function up(tun: MemoryTun, options: ConnectProgramOptions = {}, port?: number) {
  const config = configOf(
    keys.privateKey,
    port === undefined ? [] : [`ListenPort = ${port}`],
    // A peer that is not there, so that a handshake is under way and timers run.
    [`PublicKey = ${peer.publicKey}`, 'Endpoint = 127.0.0.1:9', 'PersistentKeepalive = 1'],
  );
  return await connectProgram(config, { name: 'test', tun, udp: LOOPBACK, ...options });
}

describe('the end of a tunnel', () => {
  it('closes the interface and frees the port', async () => {
    const port = await freePort();
    const tun = new MemoryTun();
    const tunnel = await up(tun, {}, port);
    expect(tunnel.status().listenPort).toBe(port);
    await expect(takePort(port)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect(tun.closed).toBe(false);
    await tunnel.close();
    expect(tun.closed).toBe(true);
    expect(await tunnel.closed).toBeUndefined();
    await takePort(port);
  });

  it('comes once, however often it is asked for', async () => {
    const tunnel = await up(new MemoryTun());
    const first = tunnel.close();
    expect(tunnel.close()).toBe(first);
    await first;
    await tunnel.close();
    expect(await tunnel.closed).toBeUndefined();
    expect(tunnel.status().peers).toEqual([]);
  });

  it('settles `closed` only when everything is undone', async () => {
    let isHidden = false;
    const hide = async (): Promise<void> => {
      await nextTurn();
      isHidden = true;
    };
    const tun = new MemoryTun();
    const tunnel = await up(tun, { expose: async () => hide });
    const atClosed = tunnel.closed.then(() => [isHidden, tun.closed]);
    void tunnel.close();
    expect(await atClosed).toEqual([true, true]);
  });

  it('comes by itself when the interface breaks: `closed` says why', async () => {
    const port = await freePort();
    const logger = new MemoryLogger();
    const tun = new MemoryTun();
    const tunnel = await up(tun, { logger }, port);
    const error = new Error('the interface is gone');
    tun.fail(error);
    expect(await tunnel.closed).toBe(error);
    expect(logger.lines).toContain('error: the interface is gone');
    expect(tun.closed).toBe(true);
    await takePort(port);
    await tunnel.close();
    expect(await tunnel.closed).toBe(error);
  });

  it('goes on when a part cannot be undone, and logs it', async () => {
    const port = await freePort();
    const logger = new MemoryLogger();
    const hide = (): never => {
      throw new Error('stuck');
    };
    const tunnel = await up(new MemoryTun(), { logger, expose: async () => hide }, port);
    await tunnel.close();
    expect(logger.lines).toContain('warn: cannot undo the way to watch it: stuck');
    await takePort(port);
  });

  it('ignores packets that come later', async () => {
    const tun = new MemoryTun();
    const tunnel = await up(tun);
    tun.inject(ipPacket('10.9.0.1', '10.9.0.2', 'too late'));
    await tunnel.close();
    expect(tun.inject(ipPacket('10.9.0.1', '10.9.0.2', 'too late'))).toBe(false);
    await nextTurn();
    expect(tun.received).toEqual([]);
  });

  it.runIf(existsSync('/proc/self/fd'))(
    'leaves no descriptor open after 100 rounds on one port (Linux)',
    async () => {
      const port = await freePort();
      const round = async (): Promise<void> => {
        const tunnel = await up(new MemoryTun(), {}, port);
        await tunnel.close();
      };
      const descriptors = (): number => readdirSync('/proc/self/fd').length;
      await round();
      await nextTurn();
      const before = descriptors();
      for (let i = 0; i < 100; i++) await round();
      await waitFor(() => expect(descriptors()).toBeLessThanOrEqual(before));
      await takePort(port);
    },
  );
});
