/** What the tests share that run programs of their own. */
import { existsSync } from 'node:fs';
import { NATIVE_LIBRARY } from '../../netns/support/requirements.js';

export { LIBRARY } from '../../netns/support/requirements.js';

export const PLANES: readonly string[] = [
  'portable',
  ...(existsSync(NATIVE_LIBRARY) ? ['native'] : []),
];
