import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  interfaceNameOf,
  MAX_CONFIG_BYTES,
  readConfigFile,
  resolveConfigPath,
} from '../../src/config/file.js';
import { WgTsError } from '../../system/errors.js';
import { checkInterfaceName } from '../../system/interfacename.js';
import { INTERFACE } from './samples.js';

describe('readConfigFile', () => {
  let folder = '';
  const inFolder = (name: string): string => path.join(folder, name);

  async function write(name: string, content: string | Uint8Array, mode = 0o600): Promise<string> {
    await writeFile(inFolder(name), content);
    await chmod(inFolder(name), mode);
    return inFolder(name);
  }

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'wg-ts-config-'));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('reads a text and has nothing to say about a private file', async () => {
    const file = await write('a.conf', `\ufeff${INTERFACE}# ü\n`);
    expect(await readConfigFile(file)).toEqual({
      text: `\ufeff${INTERFACE}# ü\n`,
      warnings: [],
    });
  });

  it.skipIf(process.platform === 'win32').each([
    [0o644, 'world'],
    [0o602, 'world'],
    [0o640, 'group'],
  ])('warns of mode %o', async (mode, who) => {
    const file = await write('open.conf', INTERFACE, mode);
    expect((await readConfigFile(file)).warnings).toEqual([
      `${file} is ${who} accessible and holds a private key: run chmod 600 ${file}`,
    ]);
  });

  it('reads up to 1 MiB and not one byte more', async () => {
    const file = await write('big.conf', '#'.repeat(MAX_CONFIG_BYTES));
    expect((await readConfigFile(file)).text).toHaveLength(MAX_CONFIG_BYTES);
    await write('big.conf', '#'.repeat(MAX_CONFIG_BYTES + 1));
    await expect(readConfigFile(file)).rejects.toMatchObject({
      code: 'ERR_FILE',
      message: `${file} is larger than 1 MiB`,
    });
  });

  it.skipIf(process.platform === 'win32')('does not read a device without end', async () => {
    await expect(readConfigFile('/dev/zero')).rejects.toThrow('/dev/zero is larger than 1 MiB');
  });

  it('refuses what is not UTF-8', async () => {
    const file = await write('latin1.conf', Buffer.from('# \xfc', 'latin1'));
    await expect(readConfigFile(file)).rejects.toMatchObject({
      code: 'ERR_FILE',
      message: `${file} is not UTF-8 text`,
    });
  });

  it('explains a file that is not there, and a directory', async () => {
    await expect(readConfigFile(inFolder('none.conf'))).rejects.toMatchObject({
      code: 'ERR_FILE',
      message: `${inFolder('none.conf')} does not exist`,
      hint: expect.stringContaining('/etc/wireguard/NAME.conf'),
    });
    await mkdir(inFolder('dir.conf'));
    await expect(readConfigFile(inFolder('dir.conf'))).rejects.toMatchObject({
      code: 'ERR_FILE',
      message: `${inFolder('dir.conf')} is a directory`,
    });
  });
});

describe('resolveConfigPath', () => {
  it.each([
    ['office', '/etc/wireguard/office.conf'],
    ['wg0.1', '/etc/wireguard/wg0.1.conf'],
    ['office.conf', 'office.conf'],
    ['./office', './office'],
    ['/a/b.conf', '/a/b.conf'],
  ])('%s', (given, expected) => {
    expect(resolveConfigPath(given)).toBe(expected);
  });

  it.each(['', '..', 'a b', 'sixteen_letters_'])('refuses the name %j', (name) => {
    expect(() => resolveConfigPath(name)).toThrow(WgTsError);
  });
});

describe('interfaceNameOf', () => {
  it.each([
    ['/etc/wireguard/office.conf', 'office'],
    ['wg0.conf', 'wg0'],
    ['a/fifteen_letters.conf', 'fifteen_letters'],
    ['x/A_b=c+d.e-1.conf', 'A_b=c+d.e-1'],
  ])('%s', (file, expected) => {
    expect(interfaceNameOf(file)).toBe(expected);
  });

  it.each([
    [
      'sixteen_letters_.conf',
      "an interface cannot be called 'sixteen_letters_': it has 16 characters, 15 are allowed",
    ],
    ['.conf', "an interface cannot be called '': the name is empty"],
    ['..conf', "an interface cannot be called '.': this stands for a directory"],
    ['...conf', "an interface cannot be called '..': this stands for a directory"],
    ['my office.conf', "an interface cannot be called 'my office': ' ' is not allowed"],
    ['büro.conf', "an interface cannot be called 'büro': 'ü' is not allowed"],
    ['office.txt', 'the name of office.txt does not end in .conf'],
  ])('refuses %s', (file, message) => {
    expect(() => interfaceNameOf(file)).toThrow(
      expect.objectContaining({
        code: 'ERR_NAME',
        message,
        hint: expect.stringContaining('office'),
      }),
    );
  });

  it('keeps a message on one line', () => {
    expect(() => checkInterfaceName('a\nb')).toThrow("an interface cannot be called 'a b'");
  });

  it('are longer on Windows, and not those of its devices', () => {
    checkInterfaceName('a'.repeat(32), 'win32');
    expect(() => checkInterfaceName('a'.repeat(33), 'win32')).toThrow('33 characters, 32 are');
    for (const name of ['con', 'NUL', 'Com1', 'lpt9'])
      expect(() => checkInterfaceName(name, 'win32')).toThrow(
        'Windows keeps this name for a device',
      );
    for (const name of ['con', 'console', 'com10']) checkInterfaceName(name, 'linux');
    checkInterfaceName('console', 'win32');
  });
});
