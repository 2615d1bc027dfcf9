/** import and require() of the package: the same modules, and nothing that node complains of. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Installed, installPacked, outputOf } from './packed.js';

let installed: Installed;

beforeAll(async () => {
  installed = await installPacked();
}, 120_000);

afterAll(() => installed?.remove());

const output = (name: string, text: string): Promise<unknown> => outputOf(installed, name, text);

describe.each(['wg-ts', 'wg-ts/protocol'])('%s', (entry) => {
  it('is the same by import and by require()', async () => {
    const program = `
      const required = require('${entry}');
      import('${entry}').then((imported) => {
        const names = Object.keys(imported).sort();
        console.log(JSON.stringify({
          names,
          required: Object.keys(required).sort(),
          different: names.filter((name) => imported[name] !== required[name]),
        }));
      });`;
    const { names, required, different } = (await output('both.cjs', program)) as {
      names: string[];
      required: string[];
      different: string[];
    };
    expect(names.length).toBeGreaterThan(5);
    expect(required).toEqual(names);
    expect(different).toEqual([]);
  });

  it('is the same when the import comes first', async () => {
    const program = `
      import { createRequire } from 'node:module';
      import * as imported from '${entry}';
      const required = createRequire(import.meta.url)('${entry}');
      console.log(JSON.stringify(
        Object.keys(imported).filter((name) => imported[name] !== required[name])));`;
    expect(await output('first.mjs', program)).toEqual([]);
  });
});

it('the classes that both entries have are the same', async () => {
  const program = `
    const { Secret, MemoryTun } = require('wg-ts');
    import('wg-ts').then((api) => {
      const key = api.Secret.take(new Uint8Array(32).fill(7));
      console.log(JSON.stringify([key instanceof Secret, new api.MemoryTun() instanceof MemoryTun]));
    });`;
  expect(await output('classes.cjs', program)).toEqual([true, true]);
});

it('nothing else of the package can be imported', async () => {
  const program = `
    const attempts = ['wg-ts/dist/src/tunnel/tunnel.js', 'wg-ts/src/index.js', 'wg-ts/package.json'];
    console.log(JSON.stringify(attempts.map((name) => {
      try { return typeof require(name); } catch (error) { return error.code; }
    })));`;
  const refused = 'ERR_PACKAGE_PATH_NOT_EXPORTED';
  expect(await output('inner.cjs', program)).toEqual([refused, refused, 'object']);
});
