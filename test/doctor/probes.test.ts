import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { probeHandshake } from '../../cli/doctor/handshakeprobe.js';
import { udpErrorOf } from '../../cli/doctor/udpprobe.js';
import { parsePrefix } from '../../protocol/ip.js';
import type { Config } from '../../src/config/model.js';
import { generatePresharedKey, generatePrivateKey, publicKeyOf } from '../../src/keys.js';
import { connect } from '../../src/tunnel/connect.js';
import { MemoryTun } from '../../tun/memory.js';
import { isRoot } from '../program/support.js';

const LOOPBACK = '127.0.0.1';
const cleanups: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function listener(): Promise<{ socket: Socket; port: number }> {
  const socket = createSocket('udp4').bind(0, LOOPBACK);
  await once(socket, 'listening');
  return { socket, port: socket.address().port };
}

describe('udpErrorOf', () => {
  const marks = isRoot() && process.platform === 'linux' ? [0, 51820] : [0];

  it.each(marks)('with mark %d reports that nothing listens', async (fwMark) => {
    const { socket, port } = await listener();
    socket.close();
    expect(await udpErrorOf({ address: LOOPBACK, port }, fwMark)).toBe('ECONNREFUSED');
  });

  it.each(marks)(
    'with mark %d hears nothing of a listener, which gets no WireGuard message',
    async (fwMark) => {
      const { socket, port } = await listener();
      cleanups.push(() => void socket.close());
      const got: Buffer[] = [];
      socket.on('message', (message) => got.push(message));
      expect(await udpErrorOf({ address: LOOPBACK, port }, fwMark)).toBeUndefined();
      expect(got.map((message) => [...message])).toEqual([[0], [0]]);
    },
  );
});

describe('probeHandshake', () => {
  const ours = generatePrivateKey();
  const theirs = generatePrivateKey();

  /** A server on the loopback; returns its port. */
  async function serverFor(peer: Config['peers'][number]): Promise<number> {
    const own = {
      privateKey: theirs,
      addresses: [],
      dnsServers: [],
      dnsSearch: [],
      table: 'off',
      preUp: [],
      postUp: [],
      preDown: [],
      postDown: [],
      saveConfig: false,
    } as const;
    const tunnel = await connect(
      { interface: own, peers: [peer] },
      { name: 'server', tun: new MemoryTun(), udp: { ipv4Address: LOOPBACK, ipv6: false } },
    );
    cleanups.push(() => tunnel.close());
    return tunnel.status().listenPort;
  }

  const allowedIps = [parsePrefix('10.0.0.2/32')].filter((prefix) => prefix !== undefined);
  const probe = (port: number, timeoutMs = 5000) =>
    probeHandshake({
      privateKey: ours,
      peerPublicKey: publicKeyOf(theirs),
      endpoint: { address: LOOPBACK, port },
      timeoutMs,
    });

  it('is completed by a peer that knows us', async () => {
    const port = await serverFor({ publicKey: publicKeyOf(ours), allowedIps });
    expect(await probe(port)).toBe('completed');
  });

  it('is rejected when the preshared key differs', async () => {
    const peer = { publicKey: publicKeyOf(ours), allowedIps, presharedKey: generatePresharedKey() };
    expect(await probe(await serverFor(peer), 1000)).toBe('rejected');
  });

  it('meets silence from a peer that does not know us', async () => {
    const peer = { publicKey: publicKeyOf(generatePrivateKey()), allowedIps };
    expect(await probe(await serverFor(peer), 1000)).toBe('silence');
  });

  it('leaves our key alone', () => {
    expect(() => ours.expose()).not.toThrow();
  });
});
