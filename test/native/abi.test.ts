import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import koffi, { type TypeObject } from 'koffi';
import { afterAll, describe, expect, it } from 'vitest';
import { load, NativeUnavailableError } from '../../native/binding.js';
import { decodeStatistics } from '../../native/codec.js';
import { ABI_VERSION, EXPECTED_LAYOUT, Layout, STATISTICS } from '../../native/layout.js';
import { bitsOf, isPlaneOffload, OFFLOADS } from '../../native/offloads.js';
import { compileLibrary, hasCompiler, whyNoTestLibrary } from './testlibrary.js';

const header = readFileSync(new URL('../../native/wg_ts.h', import.meta.url), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'wg-ts-abi-'));
afterAll(() => rmSync(folder, { recursive: true }));

function compiled(name: string, ...flags: string[]): string {
  const out = join(folder, `${name}.so`);
  compileLibrary(out, flags);
  return out;
}

/** A library that has all names, and the given answer of `wg_ts_abi_version`. */
function pretender(name: string, version: number): string {
  const names = new Set(Array.from(header.matchAll(/\b(wg_ts_\w+)\(/g), ([, n = '']) => n));
  const functions = Array.from(
    names,
    (n) => `int ${n}(void) { return ${n === 'wg_ts_abi_version' ? version : 0}; }`,
  );
  return compiledFrom(name, functions.join('\n'));
}

function compiledFrom(name: string, text: string): string {
  const source = join(folder, `${name}.c`);
  const out = join(folder, `${name}.so`);
  writeFileSync(source, `${text}\n`);
  compileLibrary(out, ['-fvisibility=default'], [source]);
  return out;
}

/** The members of a struct in the header, as koffi lays them out on this machine. */
function structOf(name: string): { size: number; offsets: number[] } {
  const body = new RegExp(`struct ${name} \\{([^}]*)\\}`).exec(header)?.[1] ?? '';
  const text = body.replaceAll(/\/\*[\s\S]*?\*\//g, '');
  const members = Array.from(
    text.matchAll(/^\s*(?:struct )?(\w+) (\w+)(?:\[(\w+)\])?;/gm),
    ([, type = '', member = '', count]) => ({ type, member, count }),
  );
  const definition: Record<string, TypeObject> = {};
  for (const { type, member, count } of members) {
    const one = type === 'wg_ts_endpoint' ? endpointType() : koffi.type(type);
    const length = Number(count ?? 1) || constant(count ?? '');
    definition[member] = count === undefined ? one : koffi.array(one, length);
  }
  const type = koffi.struct(definition);
  const names = Object.keys(definition).filter((member) => !member.startsWith('reserved'));
  return { size: koffi.sizeof(type), offsets: names.map((m) => koffi.offsetof(type, m)) };
}

function endpointType(): TypeObject {
  return koffi.struct({
    family: 'uint16_t',
    port: 'uint16_t',
    scope: 'uint32_t',
    address: koffi.array('uint8_t', 16),
    source: koffi.array('uint8_t', 16),
    interface_index: 'uint32_t',
    reserved: 'uint32_t',
  });
}

function constant(name: string): number {
  return Number(new RegExp(`#define ${name} (\\d+)`).exec(header)?.[1]);
}

describe('the structs of the header', () => {
  it.each(['endpoint', 'options', 'event', 'prefix', 'keypair'] as const)(
    'wg_ts_%s lies in memory as written down',
    (name) => {
      const { size, ...offsets } = Layout[name];
      expect(structOf(`wg_ts_${name}`)).toEqual({ size, offsets: Object.values(offsets) });
    },
  );

  it('wg_ts_statistics has the same members', () => {
    expect(structOf('wg_ts_statistics').size).toBe(Layout.statistics.size);
    expect(STATISTICS).toHaveLength(Layout.statistics.size / 8);
    const body = /struct wg_ts_statistics \{([^}]*)\}/.exec(header)?.[1] ?? '';
    const names = Array.from(body.matchAll(/uint64_t (\w+);/g), ([, name = '']) =>
      name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
    );
    expect(STATISTICS).toEqual(names);
    const bytes = new Uint8Array(BigUint64Array.from(STATISTICS, (_, i) => BigInt(i)).buffer);
    expect(Object.values(decodeStatistics(bytes))).toEqual(STATISTICS.map((_, i) => i));
  });

  it('leave off what the table of offloads says', () => {
    const bits = Array.from(
      header.matchAll(/WG_TS_WITHOUT_(\w+) = 1 << (\d+)/g),
      ([, name = '', bit]) => [name.toLowerCase().replaceAll('_', '-'), 1 << Number(bit)],
    );
    const names = OFFLOADS.map(({ name }) => name).filter(isPlaneOffload);
    expect(names.map((name) => [name, bitsOf([name])])).toEqual(bits);
    expect(bitsOf(names)).toBe(2 ** names.length - 1);
  });

  it('have one version', () => {
    expect(constant('WG_TS_ABI_VERSION')).toBe(ABI_VERSION);
  });
});

const here = whyNoTestLibrary === undefined ? describe : describe.skip;

// Each compiles it anew.
const COMPILING = { timeout: 400_000 };

here(`the library${whyNoTestLibrary ? ` (skipped: ${whyNoTestLibrary})` : ''}`, COMPILING, () => {
  it('reports the layout that is expected, and finds a cipher', () => {
    const library = load(compiled('whole'));
    const out = new Uint32Array(64);
    const count = library.layout(new Uint8Array(out.buffer), out.length);
    expect([...out.subarray(0, count)]).toEqual(EXPECTED_LAYOUT);
    expect(library.selectCrypto(0)).toBe("OpenSSL's ChaCha20 and Poly1305");
    expect(library.selectCrypto(16)).toBe("OpenSSL's EVP");
  });

  it('goes on by EVP where the inner functions are not exported', () => {
    const library = load(compiled('outer', '-DChaCha20_ctr32=absent_chacha20'));
    expect(library.selectCrypto(0)).toBe("OpenSSL's EVP");
  });

  it.each(['Poly1305_Update', 'ChaCha20_ctr32'])(
    'goes on by EVP where %s is another function of the same name',
    (name) => {
      const source = join(folder, 'wrong.c');
      writeFileSync(source, 'void wrong(void);\nvoid wrong(void) {}\n');
      expect(load(compiled(`wrong-${name}`, `-D${name}=wrong`, source)).selectCrypto(0)).toBe(
        "OpenSSL's EVP",
      );
    },
  );

  it('has no cipher where the runtime exports none, and no device', () => {
    const absent = ['-DChaCha20_ctr32=absent_chacha20', '-DEVP_CIPHER_CTX_new=absent_evp'];
    const library = load(compiled('none', ...absent));
    expect(library.selectCrypto(0)).toBe(null);
    const options = new Uint8Array(Layout.options.size);
    const view = new DataView(options.buffer);
    view.setUint32(Layout.options.workers, 1, true);
    view.setUint32(Layout.options.threadsPerWorker, 1, true);
    const error = new Int32Array(1);
    expect(library.open(options, new Uint8Array(error.buffer))).toBe(null);
    expect(error[0]).toBe(constants.errno.ENOSYS);
  });

  for (const compiler of ['gcc', 'clang']) {
    const isMissing = !hasCompiler(compiler);
    it.skipIf(isMissing)(
      `comes out of ${compiler} without a warning${isMissing ? ' (skipped: not here)' : ''}`,
      () => {
        const out = join(folder, `${compiler}.so`);
        compileLibrary(out, ['-Werror'], undefined, compiler);
        expect(load(out).selectCrypto(0)).not.toBe(null);
      },
    );
  }

  it('is refused when it is of another version, another shape, or no library', () => {
    const few = compiledFrom('few', 'int wg_ts_abi_version(void) { return 1; }');
    expect(() => load(few)).toThrow(NativeUnavailableError);
    expect(() => load(pretender('other', 999))).toThrow(`(ABI 999, not ${ABI_VERSION})`);
    expect(() => load(pretender('shape', ABI_VERSION))).toThrow(/differently than expected/);
    const text = join(folder, 'text.so');
    writeFileSync(text, 'nothing');
    expect(() => load(text)).toThrow(/cannot load .*text\.so/);
  });
});
