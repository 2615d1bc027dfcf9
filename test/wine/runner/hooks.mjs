// Loaded first by every Node.js under Wine: TypeScript's `./x.js` is `./x.ts`, vitest is a small
// runner of its parts, and koffi is found where the tests put it.
import { existsSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

// Where koffi looks for `koffi/win32_x64/koffi.node` besides its own folder.
process.resourcesPath = process.env.WG_TS_WINE_PACKAGES;

const vitest = new URL('./vitest.mjs', import.meta.url).href;

registerHooks({
  resolve(specifier, context, next) {
    if (specifier === 'vitest') return { url: vitest, shortCircuit: true };
    if (specifier.startsWith('.') && specifier.endsWith('.js') && context.parentURL) {
      const url = new URL(specifier.replace(/\.js$/, '.ts'), context.parentURL);
      if (url.protocol === 'file:' && existsSync(fileURLToPath(url)))
        return { url: url.href, shortCircuit: true };
    }
    return next(specifier, context);
  },
});
