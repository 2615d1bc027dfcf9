import { describe, expect, it } from 'vitest';
import { formatProblem } from '../../src/config/errors.js';
import { WgTsError } from '../../system/errors.js';

describe('WgTsError', () => {
  it('has a code, a hint, a cause and a message of one line', () => {
    const cause = new Error('EPERM');
    const error = new WgTsError('ERR_HOOK', 'PostUp\nfailed\u2028', { hint: 'run\nit', cause });
    expect(error).toMatchObject({
      name: 'WgTsError',
      code: 'ERR_HOOK',
      message: 'PostUp failed',
      hint: 'run it',
      cause,
    });
    expect(new WgTsError('ERR_HOOK', 'x')).not.toHaveProperty('hint');
    expect(new WgTsError('ERR_HOOK', 'x')).not.toHaveProperty('cause');
  });

  it.each([
    ['ERR_USAGE', 2],
    ['ERR_CONFIG', 2],
    ['ERR_NOT_ROOT', 3],
    ['ERR_RESOLVE', 1],
  ] as const)('%s ends the process with %i', (code, exitCode) => {
    expect(new WgTsError(code, 'x').exitCode).toBe(exitCode);
  });
});

describe('formatProblem', () => {
  it('puts the place first and the key before the message', () => {
    expect(formatProblem('a.conf', { line: 1, column: 2, key: 'MTU', message: 'm' })).toBe(
      'a.conf:1:2: MTU: m',
    );
    expect(formatProblem('a\n.conf', { line: 1, column: 2, message: 'm' })).toBe('a .conf:1:2: m');
  });
});
