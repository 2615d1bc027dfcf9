/**
 * A Node that exports nothing of its OpenSSL, as Electron: this one with the names taken out of its
 * table of dynamic symbols. The cryptography in it is the same, and can be reached by node:crypto only.
 */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { labTest } from '../netns/support/lab.js';
import { mustRun, run } from '../netns/support/process.js';
import { describeSystem, describeWhere } from '../netns/support/requirements.js';
import { Client, newKeyPair } from '../netns/support/tunnel.js';
import { CLI } from '../program/support.js';
import { buildOnce } from '../support/build.js';
import { exportedNames, hideExports, isElf64 } from './elf.js';

/** All that native/openssl.ts and native/lib/linux/openssl.h bind. */
const OPENSSL = /^(?:EVP|ERR|ChaCha20|Poly1305)_/;
/** Of each kind one. */
const BOUND = ['EVP_CipherInit_ex', 'EVP_PKEY_derive', 'ERR_clear_error', 'ChaCha20_ctr32'];
const WHY = /^this runtime does not export OpenSSL’s ChaCha20-Poly1305, .* Electron does not$/;
const DEBIAN_MACHINE: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' };
/** The runner's own settings are not a user's. */
const ENV = { NODE_OPTIONS: '' } as const;

const original = process.platform === 'linux' ? readFileSync(process.execPath) : Buffer.alloc(0);
const missing = [
  !isElf64(original) && 'no ELF executable of 64 bits',
  !exportedNames(original).some((name) => OPENSSL.test(name)) && 'this Node exports no OpenSSL',
].filter((reason) => reason !== false);

/** Debian's android-libboringssl. */
const BORINGSSL = `/usr/lib/${DEBIAN_MACHINE[process.arch] ?? process.arch}-linux-gnu/android/libcrypto.so.0`;
const whyNoBoringssl = (): string[] => (existsSync(BORINGSSL) ? [] : ['no android-libboringssl']);

const program = (name: string): string =>
  fileURLToPath(new URL(`programs/${name}`, import.meta.url));
const NO_CHACHA = ['--require', program('nochacha.cjs')] as const;

describeWhere('a Node that exports no OpenSSL', missing, () => {
  let folder: string;
  let node: string;

  beforeAll(async () => {
    await buildOnce();
    folder = mkdtempSync(join(tmpdir(), 'wg-ts-no-openssl-'));
    node = join(folder, 'node');
    const copy = Buffer.from(original);
    expect(hideExports(copy, OPENSSL)).toBeGreaterThan(100);
    writeFileSync(node, copy);
    chmodSync(node, 0o755);
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const json = async (...argv: readonly string[]): Promise<unknown> =>
    JSON.parse(await mustRun(argv, { env: ENV }));

  it('really is one: OpenSSL cannot be found in it by name', async () => {
    const dlsym = [program('dlsym.mjs'), ...BOUND, 'uv_version'];
    expect(await json(process.execPath, ...dlsym)).toEqual([...BOUND, 'uv_version']);
    expect(await json(node, ...dlsym)).toEqual(['uv_version']);
    const [before, after] = [original, readFileSync(node)].map(exportedNames);
    expect(after?.filter((name) => OPENSSL.test(name))).toEqual([]);
    expect(after).toHaveLength(before?.length ?? 0);
  });

  it('has tunnels by node:crypto and the portable data plane, and says so', async () => {
    expect(await json(node, program('echo.mjs'))).toMatchObject({
      versions: {
        dataPlane: 'portable',
        whyPortable: expect.stringMatching(WHY),
        crypto: { x25519: 'node:crypto', aead: 'node:crypto' },
      },
      planes: ['portable', 'portable'],
      role: 'initiator',
      arrived: ['there', 'back'],
    });
  });

  it('has tunnels by noble where node:crypto has no ChaCha20-Poly1305 either', async () => {
    expect(await json(node, ...NO_CHACHA, program('echo.mjs'))).toMatchObject({
      versions: { dataPlane: 'portable', crypto: { x25519: 'node:crypto', aead: 'noble' } },
      planes: ['portable', 'portable'],
      role: 'initiator',
      arrived: ['there', 'back'],
    });
  });

  it('refuses the native data plane, with the reason and what to do', async () => {
    expect(await json(node, program('refused.mjs'))).toEqual({
      name: 'WgTsError',
      code: 'ERR_UNSUPPORTED',
      message: expect.stringMatching(
        /^no native data plane: this runtime does not export OpenSSL’s ChaCha20-Poly1305/,
      ),
      hint: expect.stringMatching(/^without dataPlane, .* the portable one is used/),
    });
    const up = await run([node, CLI, 'demo', '--no-root'], {
      env: { ...ENV, WG_TS_DATAPLANE: 'native' },
    });
    expect(up).toMatchObject({ code: 3, timedOut: false });
    expect(up.stderr).toMatch(/^error: no native data plane: .*Electron does not\nhint: without /m);
  });

  it('says in `wg-ts version` what runs and why', async () => {
    const told = await mustRun([node, CLI, 'version'], { env: ENV });
    expect(told).toMatch(/^ChaCha20-Poly1305: node:crypto$/m);
    expect(told).toMatch(/^data plane: portable \(this runtime does not export OpenSSL’s .*\)$/m);
    const without = await mustRun([node, ...NO_CHACHA, CLI, 'version'], { env: ENV });
    expect(without).toMatch(/^ChaCha20-Poly1305: noble$/m);
  });

  describeWhere('that exports BoringSSL, as Electron may', whyNoBoringssl(), () => {
    it('has tunnels by noble, and never takes what is not OpenSSL for it', async () => {
      const boringssl = { ...ENV, LD_PRELOAD: BORINGSSL, LD_LIBRARY_PATH: dirname(BORINGSSL) };
      const told = async (...argv: readonly string[]): Promise<unknown> =>
        JSON.parse(await mustRun([node, ...argv], { env: boringssl }));
      const names = ['EVP_CipherInit_ex', 'EVP_PKEY_derive', 'CRYPTO_chacha_20'];
      expect(await told(program('dlsym.mjs'), ...names)).toEqual(names);
      expect(await told(...NO_CHACHA, program('echo.mjs'))).toMatchObject({
        versions: {
          whyPortable: expect.stringMatching(WHY),
          crypto: { x25519: 'node:crypto', aead: 'noble' },
        },
        planes: ['portable', 'portable'],
        arrived: ['there', 'back'],
      });
      expect(await told(program('refused.mjs'))).toMatchObject({ code: 'ERR_UNSUPPORTED' });
    });
  });

  describeSystem('on the command line', ['namespaces', 'tun'], () => {
    labTest('says in its log and in `wg-ts show` which data plane runs', async ({ lab }) => {
      const namespace = await lab.namespace('alone');
      const keys = newKeyPair();
      const spec = { keys, addresses: ['10.9.0.1/32'], peers: [] };
      const { name, file } = new Client(lab, namespace, spec);
      const up = namespace.spawn([node, CLI, 'up', '--foreground', file], ENV);
      await up.says(/: up \(pid \d+, data plane portable\)/);
      expect(up.stdout + up.stderr).toMatch(/portable data plane: this runtime does not export/);
      const shown = await namespace.mustRun([node, CLI, 'show', name, '--json'], { env: ENV });
      expect(JSON.parse(shown)).toMatchObject({ interfaces: [{ name, dataPlane: 'portable' }] });
      expect(await up.stop()).toBe(0);
    });
  });
});
