import { describe, expect, it } from 'vitest';
import {
  ADMINISTRATORS_FOLDER,
  isForAdministratorsAlone,
  isOwnedByAdministrators,
  parseSddl,
} from '../../../system/windows/sddl.js';

describe('the text of a security descriptor', () => {
  it('is read', () => {
    expect(
      parseSddl('O:S-1-5-21-1-2-3-1001G:BUD:AI(A;OICI;FA;;;BA)(D;;0x1200a9;;;S-1-1-0)'),
    ).toEqual({
      owner: 'S-1-5-21-1-2-3-1001',
      isProtected: false,
      entries: [
        { type: 'A', rights: 'FA', account: 'BA' },
        { type: 'D', rights: '0x1200a9', account: 'S-1-1-0' },
      ],
    });
  });

  it.each([
    [ADMINISTRATORS_FOLDER, true, true],
    ['O:SYG:SYD:P(A;OICI;FA;;;S-1-5-32-544)(A;OICI;FA;;;S-1-5-18)', true, true],
    ['O:BAG:BAD:AIP(A;;FA;;;BA)', true, true],
    ['O:BAD:P', true, true],
    // Others are let in, or what is above lets them in.
    ['O:BAG:BAD:PAI(A;OICI;FA;;;BA)(A;OICI;FR;;;BU)', true, false],
    ['O:BAG:BAD:AI(A;OICI;FA;;;BA)(A;OICI;FA;;;SY)', true, false],
    ['O:BAG:BAD:NO_ACCESS_CONTROL', true, false],
    ['O:BAG:BA', true, false],
    ['', false, false],
    ['O:BUG:BAD:PAI(A;OICI;FA;;;BA)', false, false],
    ['O:S-1-5-21-1-2-3-544G:BAD:PAI(A;OICI;FA;;;BA)', false, false],
    ['O:S-1-5-180G:BAD:PAI(A;OICI;FA;;;BA)', false, false],
  ])('%s', (text, isOwned, isAlone) => {
    expect(isOwnedByAdministrators(parseSddl(text))).toBe(isOwned);
    expect(isForAdministratorsAlone(parseSddl(text))).toBe(isAlone);
  });
});
