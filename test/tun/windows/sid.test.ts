import { expect, it } from 'vitest';
import { serviceSid } from '../../../system/windows/sid.js';

it('the account of a service is what Windows makes of its name, in any case', () => {
  const installer = 'S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464';
  expect(serviceSid('TrustedInstaller')).toBe(installer);
  expect(serviceSid('trustedinstaller')).toBe(installer);
  expect(serviceSid('WgTsTunnel$office')).not.toBe(serviceSid('WgTsTunnel$home'));
});
