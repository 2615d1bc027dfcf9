import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WgTsError } from '../../system/errors.js';
import { validateInterfaceName } from '../../system/interfacename.js';

describe('the name of an interface', () => {
  it.each(['wg0', 'a', 'office', 'x'.repeat(15), 'wg-1_2.3=+', 'ä'.repeat(7), '...'])(
    'may be %j',
    (name) => {
      expect(() => validateInterfaceName(name)).not.toThrow();
    },
  );

  it.each([
    '',
    'x'.repeat(16),
    'ä'.repeat(8),
    '.',
    '..',
    'a/b',
    'a:b',
    'a b',
    'a\tb',
    'a\n',
    'a\0b',
    'tun%d',
  ])('must not be %j', (name) => {
    expect(() => validateInterfaceName(name)).toThrow(
      expect.objectContaining({ name: 'WgTsError', code: 'ERR_NAME' }),
    );
  });

  it('is refused in one line, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 20 }), (name) => {
        try {
          validateInterfaceName(name);
        } catch (error) {
          expect(error).toBeInstanceOf(WgTsError);
          expect((error as WgTsError).message).not.toContain('\n');
        }
      }),
      { numRuns: 50 },
    );
  });
});
