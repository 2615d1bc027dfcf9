/** The socket of a tunnel, asked by the real `wg`. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { formatInterface } from '../../../cli/wg/show-text.js';
import { withoutSecrets } from '../../../cli/wg/shown.js';
import { generatePresharedKey, generatePrivateKey, publicKeyOf } from '../../../src/keys.js';
import { queryUapi, uapiSocket } from '../../../src/uapi/client.js';
import type { UapiDevice, UapiPeer } from '../../../src/uapi/codec.js';
import { serveUapi } from '../../../src/uapi/server.js';

const servers: { close(): unknown }[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

function peer(change: Partial<UapiPeer> = {}): UapiPeer {
  return {
    publicKey: publicKeyOf(generatePrivateKey()),
    latestHandshake: 0n,
    rxBytes: 0n,
    txBytes: 0n,
    persistentKeepalive: 0,
    allowedIps: [],
    ...change,
  };
}

const canRunWg = process.geteuid?.() === 0 && existsSync('/usr/bin/wg');

describe.skipIf(!canRunWg)('beside wg (needs root and wg)', () => {
  const SECOND = 1_000_000_000n;
  const now = BigInt(Math.floor(Date.now() / 1000));

  async function serveForWg(device: UapiDevice): Promise<string> {
    const name = `t${randomBytes(4).toString('hex')}`;
    const server = await serveUapi(uapiSocket(name), () => device);
    servers.push(server);
    return name;
  }

  /** Asynchronous, as this process has to answer meanwhile. */
  async function wgShow(name: string): Promise<string> {
    const env = { ...process.env, WG_COLOR_MODE: 'never' };
    return (await promisify(execFile)('wg', ['show', name], { env })).stdout;
  }

  /** The clock may go on to the next second between the two. */
  async function expectSame(device: UapiDevice): Promise<void> {
    const name = await serveForWg(device);
    await expect
      .poll(async () => {
        const before = Math.floor(Date.now() / 1000);
        const theirs = await wgShow(name);
        const answer = await queryUapi(uapiSocket(name));
        if (!answer) throw new Error('no answer');
        const shown = withoutSecrets(name, answer);
        const ours = [before, before + 1].map((at) => formatInterface(shown, false, at));
        return ours.includes(theirs) ? 'same' : theirs;
      })
      .toBe('same');
  }

  it('looks the same, byte for byte', async () => {
    await expectSame({
      privateKey: generatePrivateKey(),
      listenPort: 51820,
      fwMark: 0xca6c,
      dataPlane: 'portable',
      peers: [
        peer({ latestHandshake: (now - 100_000n) * SECOND, rxBytes: 1n, txBytes: 0n }),
        peer({ latestHandshake: 0n, persistentKeepalive: 25 }),
        peer({
          presharedKey: generatePresharedKey(),
          endpoint: '[2001:db8::1]:51820',
          latestHandshake: (now - 65n) * SECOND + 5n,
          rxBytes: 1152n,
          txBytes: 1024n ** 4n * 5000n + 12_345_678_901n,
          persistentKeepalive: 65_535,
          allowedIps: ['10.0.0.0/8', '::/0', '2001:db8::/32'],
        }),
        peer({ latestHandshake: (now + 1000n) * SECOND, endpoint: '192.0.2.1:1' }),
      ],
    });
  });

  it('looks the same with next to nothing', async () => {
    await expectSame({ listenPort: 0, fwMark: 0, peers: [] });
  });

  it('rounds bytes the same', async () => {
    const sizes = [
      1023n,
      1024n,
      1029n,
      1075n,
      1152n,
      1280n,
      2_097_151n,
      1_048_575n,
      5_368_709_119n,
    ];
    const peers = sizes.map((size, i) =>
      peer({ rxBytes: size, txBytes: size * 1021n + BigInt(i) }),
    );
    await expectSame({ listenPort: 1, fwMark: 0, peers });
  });

  it('refuses wg set', async () => {
    const name = await serveForWg({ listenPort: 51820, fwMark: 0, peers: [] });
    const set = promisify(execFile)('wg', ['set', name, 'fwmark', '7']);
    await expect(set).rejects.toMatchObject({ stderr: expect.stringMatching(/not supported/) });
  });
});
