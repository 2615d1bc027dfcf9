import { createColors } from 'picocolors';
import { describe, expect, it } from 'vitest';
import { explain } from '../../src/cli/explain.js';
import { formatBytes, formatDuration, toJson, withoutSecrets } from '../../src/cli/format-show.js';
import { bounded } from '../../src/cli/logging.js';
import { stdoutColors } from '../../src/cli/output.js';
import { ConfigError, WgTsError } from '../../src/errors.js';
import { UdpError } from '../../src/index.js';
import { generatePresharedKey, generatePrivateKey } from '../../src/keys.js';
import { NetConfigError, TunError } from '../../tun/errors.js';

const plain = createColors(false);

describe('show', () => {
  it.each([
    [0n, '0 B'],
    [1023n, '1023 B'],
    [1024n, '1.00 KiB'],
    [1152n, '1.12 KiB'],
    [1_048_575n, '1024.00 KiB'],
    [1_048_576n, '1.00 MiB'],
    [2n ** 50n, '1024.00 TiB'],
  ])('writes %d bytes as %s', (bytes, text) => {
    expect(formatBytes(bytes, plain)).toBe(text);
  });

  it.each([
    [1, '1 second'],
    [65, '1 minute, 5 seconds'],
    [3600, '1 hour'],
    [365 * 86_400 + 2 * 86_400 + 2, '1 year, 2 days, 2 seconds'],
  ])('writes %d seconds as %s', (seconds, text) => {
    expect(formatDuration(seconds, plain)).toBe(text);
  });

  it('is numbers for programs, without a secret, the last handshake first', () => {
    const peer = (fill: number, latestHandshake: bigint) => ({
      publicKey: new Uint8Array(32).fill(fill),
      presharedKey: generatePresharedKey(),
      endpoint: '192.0.2.1:1',
      latestHandshake,
      rxBytes: 5n,
      txBytes: 6n,
      persistentKeepalive: 25,
      allowedIps: ['::/0'],
    });
    const privateKey = generatePrivateKey();
    const peers = [peer(1, 0n), peer(2, 5_000_000_001n), peer(3, 5_000_000_002n)];
    const device = { privateKey, listenPort: 1, fwMark: 2, dataPlane: 'portable', peers };
    const json = toJson(withoutSecrets('office', device));
    expect(json).toEqual({
      name: 'office',
      publicKey: expect.stringMatching(/=$/),
      listenPort: 1,
      fwMark: 2,
      dataPlane: 'portable',
      peers: [3, 2, 1].map((fill) => ({
        publicKey: Buffer.alloc(32, fill).toString('base64'),
        hasPresharedKey: true,
        endpoint: '192.0.2.1:1',
        allowedIps: ['::/0'],
        latestHandshake: fill === 1 ? 0 : 5,
        rxBytes: 5,
        txBytes: 6,
        persistentKeepalive: 25,
      })),
    });
    const secret = Buffer.from(privateKey.expose()).toString('base64');
    expect(JSON.stringify(json)).not.toContain(secret);
  });

  it('has colours when asked for them', () => {
    expect(stdoutColors({ WG_COLOR_MODE: 'always' }).isColorSupported).toBe(true);
    expect(stdoutColors({ WG_COLOR_MODE: 'always', NO_COLOR: '1' }).isColorSupported).toBe(true);
    expect(stdoutColors({ WG_COLOR_MODE: 'never' }).isColorSupported).toBe(false);
    expect(stdoutColors({ NO_COLOR: '1' }).isColorSupported).toBe(false);
  });
});

describe('an error', () => {
  const line = (error: unknown) => explain(error, {});

  it('of ours is told with its hint and exit code', () => {
    expect(line(new WgTsError('ERR_NAME', 'bad', { hint: 'try x' }))).toEqual({
      lines: ['error: bad', 'hint: try x'],
      exitCode: 2,
    });
  });

  it('of a configuration tells all its problems', () => {
    const problems = [
      { line: 1, column: 2, message: 'one' },
      { line: 3, column: 4, key: 'MTU', message: 'two' },
    ] as const;
    expect(line(new ConfigError('a.conf', [...problems]))).toEqual({
      lines: ['error: a.conf:1:2: one', 'error: a.conf:3:4: MTU: two'],
      exitCode: 2,
    });
  });

  it.each([
    [new TunError('ERR_NO_TUN', 'no tun'), 3, 1],
    [new TunError('ERR_NOT_ROOT', 'no root'), 3, 1],
    [new TunError('ERR_INTERFACE_EXISTS', 'there'), 1, 1],
    [new NetConfigError('ERR_NETCONFIG', 'ip x', 'failed'), 1, 2],
    [new NetConfigError('ERR_ADDRESS_IN_USE', 'ip x', 'taken'), 1, 2],
    [new UdpError('ERR_PORT_IN_USE', 'busy'), 1, 1],
  ])('%s ends with %i', (error, exitCode, lines) => {
    expect(line(error)).toMatchObject({ exitCode });
    expect(line(error).lines).toHaveLength(lines);
  });

  it('that nobody thought of is one line, and asks to be reported', () => {
    const { lines, exitCode } = line(new TypeError('x is\n not a function'));
    expect(exitCode).toBe(1);
    expect(lines[0]).toBe('error: unexpected: x is not a function');
    expect(lines[1]).toMatch(/report/);
    expect(lines).toHaveLength(2);
  });
});

describe('a log', () => {
  it('ends at its limit with a word about it', () => {
    const written: string[] = [];
    const log = bounded((text) => written.push(text), 20);
    for (let i = 0; i < 5; i++) log('12345678');
    expect(written.slice(0, 2)).toEqual(['12345678\n', '12345678\n']);
    expect(written[2]).toMatch(/full/);
    expect(written).toHaveLength(3);
  });
});
