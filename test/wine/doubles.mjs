// Compiles the stand-ins for DLLs of Windows that Wine lacks: each folder of doubles/ becomes one DLL
// of its name. `libraries.txt` in it names what it is linked with, `exports.def` what it exports.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileForWindows } from './setup.mjs';

const here = fileURLToPath(new URL('./doubles/', import.meta.url));

/** Into `folder`. One that does not compile is told and missing: what needs it fails, not all. */
export function compileDoubles(folder) {
  for (const { name } of readdirSync(here, { withFileTypes: true }).filter((e) =>
    e.isDirectory(),
  )) {
    const source = join(here, name);
    const files = readdirSync(source).filter((file) => /\.(c|def)$/.test(file));
    if (files.length === 0) continue;
    const list = join(source, 'libraries.txt');
    const libraries = existsSync(list)
      ? readFileSync(list, 'utf8')
          .split('\n')
          .map((line) => line.trim())
          .filter(Boolean)
      : [];
    const flags = [`-I${source}`];
    const out = join(folder, `${name}.dll`);
    try {
      compileForWindows({ out, files: files.map((file) => join(source, file)), flags, libraries });
    } catch (error) {
      console.error(error.message);
    }
  }
}
