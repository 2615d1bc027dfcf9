import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { Secret } from '../../crypto/secret.js';
import { generatePrivateKey, publicKeyOf } from '../../src/keys.js';
import type { DeviceChange } from '../../src/uapi/change.js';
import { changeUapi, listUapi, queryUapi } from '../../src/uapi/client.js';
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
  it('returns its state, with the secrets', async () => {
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

  it('says why it was not changed', async () => {
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

  it('replaces one without a listener, and no other', async () => {
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
