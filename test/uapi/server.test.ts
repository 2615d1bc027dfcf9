import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { formatInterface } from '../../cli/wg/show-text.js';
import { withoutSecrets } from '../../cli/wg/shown.js';
import { Secret } from '../../crypto/secret.js';
import { generatePresharedKey, generatePrivateKey, publicKeyOf } from '../../src/keys.js';
import type { DeviceChange } from '../../src/uapi/change.js';
import { changeUapi, listUapi, queryUapi, uapiSocket } from '../../src/uapi/client.js';
import type { UapiDevice, UapiPeer } from '../../src/uapi/codec.js';
import { MAX_REQUEST_BYTES } from '../../src/uapi/request.js';
import { serveUapi, type UapiServerOptions } from '../../src/uapi/server.js';

const folder = mkdtempSync(path.join(tmpdir(), 'wg-ts-uapi-'));
const cleanups: (() => unknown)[] = [];
let files = 0;

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function newPath(): string {
  return path.join(folder, `${files++}.sock`);
}

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

const DEVICE: UapiDevice = {
  privateKey: Secret.take(new Uint8Array(32).fill(7)),
  listenPort: 51820,
  fwMark: 0,
  dataPlane: 'portable',
  peers: [peer({ allowedIps: ['10.0.0.0/8'] })],
};

async function serve(
  device: UapiDevice = DEVICE,
  options: UapiServerOptions & { socket?: string } = {},
): Promise<string> {
  const socket = options.socket ?? newPath();
  const server = await serveUapi(socket, () => device, options);
  cleanups.push(() => server.close());
  return socket;
}

async function open(socketPath: string): Promise<Socket> {
  const socket = connect(socketPath);
  socket.on('error', () => undefined);
  cleanups.push(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** Everything until the other side closes. */
async function converse(socketPath: string, request: string | Buffer): Promise<string> {
  const socket = await open(socketPath);
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk;
  });
  await new Promise((resolve) => {
    socket.once('close', resolve);
    socket.write(request);
  });
  return answer;
}

/** The first answer. */
async function ask(socketPath: string, request: string): Promise<string> {
  const socket = await open(socketPath);
  socket.write(request);
  return String((await once(socket, 'data'))[0]);
}

describe('the socket of an interface', () => {
  it('tells its state, with the secrets', async () => {
    const answer = await queryUapi(await serve());
    expect(answer).toMatchObject({ listenPort: 51820, dataPlane: 'portable' });
    expect(answer?.peers[0]?.allowedIps).toEqual(['10.0.0.0/8']);
    expect([...(answer?.privateKey?.expose() ?? [])]).toEqual(Array(32).fill(7));
    expect([...(DEVICE.privateKey?.expose() ?? [])]).toEqual(Array(32).fill(7));
  });

  it('can be opened by its owner only', async () => {
    expect(statSync(await serve()).mode & 0o777).toBe(0o600);
  });

  it('answers many requests one after the other', async () => {
    const socket = await open(await serve());
    const request = 'get=1\n\n';
    socket.write(request.repeat(3));
    let answer = '';
    while (answer.split('errno=0\n\n').length < 4)
      answer += String((await once(socket, 'data'))[0]);
    expect(answer.split('errno=0\n\n')).toHaveLength(4);
  });

  it.each([
    ['get=1\nfwmark=1\n\n', 'errno=-22\n\n'],
    ['nonsense\n\n', 'errno=-22\n\n'],
  ])('answers %j with %j and hangs up', async (request, answer) => {
    expect(await converse(await serve(), request)).toBe(answer);
  });

  const SET = `set=1\nprivate_key=${'07'.repeat(32)}\nlisten_port=7\n\n`;

  it('changes as a whole, without the secrets afterwards', async () => {
    const changes: DeviceChange[] = [];
    const keys: string[] = [];
    const socket = await serve(DEVICE, {
      async change(change) {
        changes.push(change);
        keys.push(Buffer.from(change.privateKey?.expose() ?? []).toString('hex'));
      },
    });
    expect(await ask(socket, SET)).toBe('errno=0\n\n');
    expect(changes).toMatchObject([{ listenPort: 7, peers: [] }]);
    expect(keys).toEqual(['07'.repeat(32)]);
    expect(changes[0]?.privateKey?.isZeroed).toBe(true);
    // One bad line, and nothing of it is done.
    expect(await ask(socket, 'set=1\nlisten_port=8\nfwmark=nine\n\n')).toBe('errno=-22\n\n');
    expect(changes).toHaveLength(1);
  });

  it('tells why it was not changed', async () => {
    expect(await ask(await serve(), SET)).toBe('errno=-95\n\n');
    const refusing = (errno: unknown): Promise<string> =>
      serve(DEVICE, {
        change: () => Promise.reject(Object.assign(new Error('no'), { errno })),
      });
    expect(await ask(await refusing(98), SET)).toBe('errno=-98\n\n');
    expect(await ask(await refusing(undefined), SET)).toBe('errno=-5\n\n');
    const socket = await refusing(98);
    await expect(changeUapi(socket, { peers: [] })).rejects.toMatchObject({ errno: 98 });
    expect(
      await changeUapi(await serve(DEVICE, { change: async () => undefined }), { peers: [] }),
    ).toBe(true);
    expect(await changeUapi(newPath(), { peers: [] })).toBe(false);
  });

  it('hangs up on an endless request, a flood of requests and a slow client', async () => {
    const socket = await serve();
    expect(await converse(socket, Buffer.alloc(MAX_REQUEST_BYTES + 1, 'x'))).toBe('');
    await converse(socket, 'get=1\n\n'.repeat(5000));
    expect(await converse(await serve(DEVICE, { timeoutMs: 50 }), 'get=1\n')).toBe('');
    expect(await queryUapi(socket)).toBeDefined();
  });

  it('takes 16 clients at once', async () => {
    const socket = await serve();
    const clients = await Promise.all(Array.from({ length: 16 }, () => open(socket)));
    // Answered ones, so that all of them have been accepted.
    for (const client of clients) {
      client.write('get=1\n\n');
      await once(client, 'data');
    }
    expect(await converse(socket, 'get=1\n\n')).toBe('');
    clients[0]?.destroy();
    await expect.poll(() => queryUapi(socket).catch(() => undefined)).toBeDefined();
  });

  it('takes the place of one that nobody listens on, and of no other', async () => {
    const stale = newPath();
    const script = `require('net').createServer().listen(${JSON.stringify(stale)}, () => process.kill(process.pid, 'SIGKILL'))`;
    await promisify(execFile)(process.execPath, ['-e', script]).catch(() => undefined);
    expect(existsSync(stale)).toBe(true);
    expect(await queryUapi(stale)).toBeUndefined();
    await serve(DEVICE, { socket: stale });
    expect(await queryUapi(stale)).toBeDefined();
    await expect(serveUapi(stale, () => DEVICE)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect(await queryUapi(stale)).toBeDefined();
  });

  it('is gone after close, with its connections', async () => {
    const socketPath = newPath();
    const server = await serveUapi(socketPath, () => DEVICE);
    const client = await open(socketPath);
    const closed = once(client, 'close');
    await server.close();
    await closed;
    expect(existsSync(socketPath)).toBe(false);
    expect(await queryUapi(socketPath)).toBeUndefined();
  });
});

describe('asking an interface', () => {
  async function foreign(answer: string | undefined): Promise<string> {
    const socketPath = newPath();
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      cleanups.push(() => socket.destroy());
      if (answer !== undefined) socket.end(answer);
    });
    server.listen(socketPath);
    await once(server, 'listening');
    cleanups.push(() => server.close());
    return socketPath;
  }

  it.each([
    ['says nothing and closes', ''],
    ['speaks something else', 'HTTP/1.1 200 OK\r\n\r\n'],
    ['breaks off', 'listen_port=1\nfwma'],
  ])('fails when it %s', async (_, answer) => {
    await expect(queryUapi(await foreign(answer))).rejects.toMatchObject({ code: 'ERR_UAPI' });
  });

  it('fails when it is silent', async () => {
    const silent = await foreign(undefined);
    await expect(queryUapi(silent, { timeoutMs: 50 })).rejects.toThrow(/does not answer/);
  });

  it('lists sockets only, and nothing where there is no folder', async () => {
    const socket = await serve();
    writeFileSync(path.join(folder, 'other.txt'), '');
    expect(listUapi(folder)).toContain(path.basename(socket, '.sock'));
    expect(listUapi(folder)).not.toContain('other.txt');
    expect(listUapi(path.join(folder, 'nowhere'))).toEqual([]);
  });
});

const canRunWg = process.geteuid?.() === 0 && existsSync('/usr/bin/wg');

describe.skipIf(!canRunWg)('beside wg (needs root and wg)', () => {
  const SECOND = 1_000_000_000n;
  const now = BigInt(Math.floor(Date.now() / 1000));

  async function serveForWg(device: UapiDevice): Promise<string> {
    const name = `t${randomBytes(4).toString('hex')}`;
    await serve(device, { socket: uapiSocket(name) });
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
    const name = await serveForWg(DEVICE);
    const set = promisify(execFile)('wg', ['set', name, 'fwmark', '7']);
    await expect(set).rejects.toMatchObject({ stderr: expect.stringMatching(/not supported/) });
  });
});
