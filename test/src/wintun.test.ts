import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { dllOf, MAX_DLL_BYTES, MAX_ZIP_BYTES, sha256 } from '../../cli/wintun/archive.js';
import { download } from '../../cli/wintun/download.js';
import { type InstallOptions, installWintun } from '../../cli/wintun/install.js';
import { knownDll, WINTUN, type WintunPins, wintunArchitecture } from '../../cli/wintun/pins.js';
import { wintunStatus } from '../../cli/wintun/status.js';
import { hasWintun, removeWintun } from '../../cli/wintun/uninstall.js';
import { WgTsError } from '../../system/errors.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text.repeat(1000));
const DLLS = { amd64: bytes('sixty-four'), arm64: bytes('arms'), x86: bytes('thirty-two') };

const NOBODY = 65_534;

/** Laid out as the makers' zip is. */
function release(files: Record<string, Uint8Array> = {}): Uint8Array {
  const dlls = Object.entries(DLLS).map(([name, dll]) => [`wintun/bin/${name}/wintun.dll`, dll]);
  return zipSync({
    'wintun/LICENSE.txt': bytes('licence'),
    ...(Object.fromEntries(dlls) as Record<string, Uint8Array>),
    ...files,
  });
}

function pinsOf(zip: Uint8Array, url = WINTUN.url): WintunPins {
  return {
    version: '9.9.9',
    url,
    zipSha256: sha256(zip),
    dlls: {
      x64: { folder: 'amd64', sha256: sha256(DLLS.amd64) },
      arm64: { folder: 'arm64', sha256: sha256(DLLS.arm64) },
      ia32: { folder: 'x86', sha256: sha256(DLLS.x86) },
    },
  };
}

function failure(action: () => unknown): WgTsError {
  try {
    action();
  } catch (error) {
    if (error instanceof WgTsError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

async function failureOf(promise: Promise<unknown>): Promise<WgTsError> {
  const outcome = await promise.then(
    () => new Error('it did not fail'),
    (error: unknown) => error,
  );
  if (outcome instanceof WgTsError) return outcome;
  throw outcome;
}

describe('the pinned release', () => {
  it('is 0.14.1, from its makers, by whole hashes', () => {
    expect(new URL(WINTUN.url).host).toBe('www.wintun.net');
    expect(WINTUN.url).toContain(WINTUN.version);
    const hashes = [WINTUN.zipSha256, ...Object.values(WINTUN.dlls).map((pin) => pin.sha256)];
    for (const hash of hashes) expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(new Set(hashes).size).toBe(4);
    expect(knownDll(WINTUN.dlls.arm64.sha256)).toBe('0.14.1 for arm64');
    expect(knownDll(WINTUN.zipSha256)).toBeUndefined();
    expect(wintunArchitecture('s390x')).toBeUndefined();
  });
});

describe('a zip', () => {
  it.each(['x64', 'arm64', 'ia32'] as const)('gives the DLL for %s', (architecture) => {
    const zip = release();
    const pins = pinsOf(zip);
    expect(sha256(dllOf(zip, architecture, pins))).toBe(pins.dlls[architecture].sha256);
  });

  it('that is not the release is refused before it is unpacked, with both hashes', () => {
    const pins = pinsOf(release());
    const other = bytes('no zip at all');
    const error = failure(() => dllOf(other, 'x64', pins));
    expect(error.code).toBe('ERR_HASH');
    expect(error.message).toContain(pins.zipSha256);
    expect(error.message).toContain(sha256(other));
    expect(error.hint).toContain(WINTUN.url);
  });

  it('with another DLL in it is refused, with both hashes', () => {
    const zip = release({ 'wintun/bin/amd64/wintun.dll': DLLS.x86 });
    const error = failure(() => dllOf(zip, 'x64', pinsOf(zip)));
    expect(error.code).toBe('ERR_HASH');
    expect(error.message).toContain(sha256(DLLS.amd64));
    expect(error.message).toContain(sha256(DLLS.x86));
  });

  it.each([
    ['lacks the DLL', zipSync({ 'wintun/bin/other.dll': DLLS.amd64 }), /no bin.amd64.wintun\.dll/],
    ['has it twice', release({ 'bin/amd64/wintun.dll': DLLS.amd64 }), /more than one/],
    ['has it elsewhere', zipSync({ 'x/bin/amd64/wintun.dll': DLLS.amd64 }), /no bin/],
    ['is not one', bytes('no zip at all'), /cannot be read/],
    ['is empty', new Uint8Array(), /cannot be read/],
    [
      'unpacks to very much',
      release({ 'wintun/bin/amd64/wintun.dll': new Uint8Array(MAX_DLL_BYTES + 1) }),
      /more than 2097152/,
    ],
  ])('that %s is refused', (_, zip, message) => {
    const error = failure(() => dllOf(zip, 'x64', pinsOf(zip)));
    expect(error.code).toBe('ERR_FILE');
    expect(error.message).toMatch(message);
  });

  it('that unpacks to more than it claims gets no more than that', () => {
    const large = new Uint8Array(8 * MAX_DLL_BYTES);
    const zip = zipSync({ 'wintun/bin/amd64/wintun.dll': large });
    const view = new DataView(zip.buffer, zip.byteOffset, zip.length);
    // The uncompressed size in the directory at its end.
    const end = zip.length - 22;
    const directory = view.getUint32(end + 16, true);
    view.setUint32(directory + 24, 100, true);
    expect(failure(() => dllOf(zip, 'x64', pinsOf(zip))).message).toContain(
      sha256(new Uint8Array(100)),
    );
  });
});

describe('install', () => {
  let folder: string;
  const zip = release();
  const options = (more: Partial<InstallOptions> = {}): InstallOptions => ({
    architecture: 'x64',
    zip: join(folder, 'wintun.zip'),
    folder: join(folder, 'program', 'win32-x64'),
    pins: pinsOf(zip),
    ...more,
  });

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'wg-ts-wintun-'));
    writeFileSync(join(folder, 'wintun.zip'), zip);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const target = (): string => join(folder, 'program', 'win32-x64');
  const installed = (): Buffer => readFileSync(join(target(), 'wintun.dll'));

  it('puts the DLL there, once, and makes the folder', async () => {
    const first = await installWintun(options());
    expect(first).toMatchObject({ change: 'new', version: '9.9.9', sha256: sha256(DLLS.amd64) });
    expect(first.path).toBe(join(target(), 'wintun.dll'));
    expect(sha256(installed())).toBe(sha256(DLLS.amd64));
    expect((await installWintun(options())).change).toBe('same');
    expect(readdirSync(target())).toEqual(['wintun.dll']);
  });

  it('replaces another DLL and says which', async () => {
    mkdirSync(target(), { recursive: true });
    writeFileSync(join(target(), 'wintun.dll'), DLLS.arm64);
    const known = await installWintun(options());
    expect(known).toMatchObject({ change: 'replaced', replaced: '9.9.9 for arm64' });
    writeFileSync(join(target(), 'wintun.dll'), 'old');
    const unknown = await installWintun(options());
    expect(unknown.replaced).toBe(sha256(new TextEncoder().encode('old')));
    expect(sha256(installed())).toBe(sha256(DLLS.amd64));
  });

  it('leaves what was there when the zip is refused', async () => {
    mkdirSync(target(), { recursive: true });
    writeFileSync(join(target(), 'wintun.dll'), 'old');
    writeFileSync(join(folder, 'wintun.zip'), 'changed');
    expect((await failureOf(installWintun(options()))).code).toBe('ERR_HASH');
    expect(installed().toString()).toBe('old');
    expect(readdirSync(target())).toEqual(['wintun.dll']);
  });

  it('refuses a file that is missing or far too large', async () => {
    const missing = await failureOf(installWintun(options({ zip: join(folder, 'none.zip') })));
    expect(missing).toMatchObject({ code: 'ERR_FILE' });
    expect(missing.message).toContain('none.zip');
    writeFileSync(join(folder, 'wintun.zip'), new Uint8Array(MAX_ZIP_BYTES + 1));
    expect((await failureOf(installWintun(options()))).message).toMatch(/more than/);
  });

  it('says who may write, where the folder cannot be written to', async () => {
    mkdirSync(target(), { recursive: true });
    chmodSync(folder, 0o755);
    chmodSync(target(), 0o555);
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) process.seteuid?.(NOBODY);
    const error = await failureOf(installWintun(options())).finally(() => {
      if (isRoot) process.seteuid?.(0);
      chmodSync(target(), 0o755);
    });
    expect(error).toMatchObject({ code: 'ERR_NOT_ROOT', exitCode: 3, hint: 'run it as root' });
    expect(error.message).toContain(target());
    expect(readdirSync(target())).toEqual([]);
  });

  it('says what is in its place when that is not a file', async () => {
    mkdirSync(join(target(), 'wintun.dll'), { recursive: true });
    const error = await failureOf(installWintun(options()));
    expect(error.code).toBe('ERR_FILE');
    expect(error.message).toContain(join(target(), 'wintun.dll'));
  });

  it('downloads when no file is given, but not what is already there', async () => {
    const server = await serve((_, response) => response.end(zip));
    const pins = pinsOf(zip, `${server}/wintun.zip`);
    const asked: string[] = [];
    const { zip: _, ...rest } = options({ pins, onDownload: (url) => asked.push(url) });
    expect((await installWintun(rest)).change).toBe('new');
    expect((await installWintun(rest)).change).toBe('same');
    expect(asked).toEqual([pins.url]);
  });

  it('is seen by status, and undone by remove', async () => {
    const place = { architecture: 'arm64', folder: target() } as const;
    expect(await wintunStatus(place)).toEqual({
      path: undefined,
      lookedFor: [join(target(), 'wintun.dll')],
    });
    await installWintun(options());
    expect(await wintunStatus(place)).toMatchObject({
      path: join(target(), 'wintun.dll'),
      sha256: sha256(DLLS.amd64),
    });
    expect([hasWintun(target()), removeWintun(target()), removeWintun(target())]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('without a folder is beside the native library, for status and install alike', async () => {
    const { lookedFor } = await wintunStatus({ architecture: 'arm64' });
    expect(lookedFor.at(0)).toMatch(/dist.native.win32-arm64.wintun\.dll$/);
  });
});

async function serve(listener: RequestListener): Promise<string> {
  const server: Server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('a download', () => {
  it('follows redirections within its host', async () => {
    const server = await serve((request, response) => {
      if (request.url === '/b') response.end('here');
      else response.writeHead(302, { location: '/b' }).end();
    });
    expect(Buffer.from(await download(`${server}/a`)).toString()).toBe('here');
  });

  it.each([
    ['https://127.0.0.1:1/x', /another site: https:\/\/127\.0\.0\.1:1/],
    ['http://localhost:1/x', /another site: http:\/\/localhost:1/],
    ['/again', /more than 3 times/],
  ])('does not follow one to %s', async (location, reason) => {
    const server = await serve((_, response) => response.writeHead(302, { location }).end());
    const error = await failureOf(download(`${server}/a`));
    expect(error.code).toBe('ERR_DOWNLOAD');
    expect(error.message).toMatch(reason);
    expect(error.hint).toContain('wg-ts wintun install FILE');
  });

  it('does not follow one to another protocol', async () => {
    const server = await serve((_, response) => {
      response.writeHead(302, { location: server.replace('http:', 'https:') }).end();
    });
    expect((await failureOf(download(`${server}/a`))).message).toMatch(/another site: https:/);
  });

  it('ends at its limit, whatever was announced', async () => {
    let isCut = false;
    const server = await serve((_, response) => {
      response.on('close', () => {
        isCut = !response.writableFinished;
      });
      for (let i = 0; i < 100; i++) response.write(Buffer.alloc(100_000));
    });
    const error = await failureOf(download(`${server}/a`, { maxBytes: 1000 }));
    expect(error.message).toMatch(/more than 1000 bytes/);
    await expect.poll(() => isCut).toBe(true);
  });

  it.each([
    ['an error of the server', 404, /answered 404 Not Found/],
    ['a redirection to nowhere', 302, /answered 302/],
  ])('reports %s', async (_, status, reason) => {
    const server = await serve((_request, response) => response.writeHead(status).end());
    expect((await failureOf(download(`${server}/a`))).message).toMatch(reason);
  });

  it('ends when the server sends nothing, and when there is no server', async () => {
    const server = await serve(() => undefined);
    const silent = await failureOf(download(`${server}/a`, { timeoutMs: 200 }));
    expect(silent.message).toMatch(/timed out after 0\.2 s/);
    const nobody = await failureOf(download('http://127.0.0.1:9/a'));
    expect(nobody.message).toMatch(/cannot download http:\/\/127\.0\.0\.1:9\/a: \S/);
  });
});
