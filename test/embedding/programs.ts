/** What the tests share that run programs of their own. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from '../system/support/cprogram.js';
import { CLI } from '../system/support/requirements.js';

/** What `import 'wg-ts'` would find. */
export const LIBRARY: string = join(dirname(CLI), '../index.js');

const hasNative = existsSync(join(dirname(CLI), '../../native', build.targetName(), 'libwgts.so'));

export const PLANES: readonly string[] = ['portable', ...(hasNative ? ['native'] : [])];
