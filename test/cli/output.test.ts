import { describe, expect, it } from 'vitest';
import { explain } from '../../cli/explain.js';
import { stdoutColors } from '../../cli/output.js';
import { NetConfigError } from '../../network/errors.js';
import { ConfigError } from '../../src/config/errors.js';
import { UdpError } from '../../src/index.js';
import { WgTsError } from '../../system/errors.js';
import { TunError } from '../../tun/errors.js';

describe('colours', () => {
  it('are there when asked for', () => {
    expect(stdoutColors({ WG_COLOR_MODE: 'always' }).isColorSupported).toBe(true);
    expect(stdoutColors({ WG_COLOR_MODE: 'always', NO_COLOR: '1' }).isColorSupported).toBe(true);
    expect(stdoutColors({ WG_COLOR_MODE: 'never' }).isColorSupported).toBe(false);
    expect(stdoutColors({ NO_COLOR: '1' }).isColorSupported).toBe(false);
  });
});

describe('an error', () => {
  const line = (error: unknown) => explain(error, {});

  it('of wg-ts is shown with its hint and exit code', () => {
    expect(line(new WgTsError('ERR_NAME', 'bad', { hint: 'try x' }))).toEqual({
      lines: ['error: bad', 'hint: try x'],
      exitCode: 2,
    });
  });

  it('of a configuration lists all its problems', () => {
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

  it('that was not expected is one line, and asks to be reported', () => {
    const { lines, exitCode } = line(new TypeError('x is\n not a function'));
    expect(exitCode).toBe(1);
    expect(lines[0]).toBe('error: unexpected: x is not a function');
    expect(lines[1]).toMatch(/report/);
    expect(lines).toHaveLength(2);
  });
});
