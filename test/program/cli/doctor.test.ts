import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PRIVATE_KEY, PUBLIC_KEY } from '../../config/samples.js';
import { wgTs } from '../support.js';

describe('wg-ts doctor', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'wg-ts-doctor-'));
    chmodSync(folder, 0o755);
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function conf(text: string): string {
    const file = join(folder, 'wgtsdoctor.conf');
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  }

  it('reports what is wrong with a file, without its secrets, and sends nothing if asked not to', async () => {
    const file = conf(
      `[Interface]\nPrivateKey = ${PRIVATE_KEY}\nAddress = 127.0.0.1\n[Peer]\nPublicKey = ${PUBLIC_KEY}\nEndpoint = 127.0.0.1:9\n`,
    );
    const { code, stdout, stderr } = await wgTs(['doctor', '--no-probe', file]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(stdout).toMatch(
      /^PROBLEM {2}addresses: the address 127\.0\.0\.1 .* that of lo\n {9}do: /m,
    );
    expect(stdout).toMatch(/First: wgtsdoctor, addresses:/);
    expect(stdout).not.toContain(PRIVATE_KEY);
  });

  it('reports each line of a file that cannot be read', async () => {
    const { code, stdout } = await wgTs(['doctor', '--json', conf('[Interface]\nMTU = x\n')]);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ cause: { name: 'file', tunnel: 'wgtsdoctor' } });
  });

  it.each([
    [['doctor', 'wgtsnobody'], 1, /^error: .*wgtsnobody\.conf does not exist/],
    [['doctor', '--reach', 'x', 'wgtsnobody'], 2, /It is not an IP address/],
  ])('refuses %s', async (args, expected, message) => {
    const { code, stderr } = await wgTs(args);
    expect(code).toBe(expected);
    expect(stderr).toMatch(message);
  });
});
