/** That the code in the documents compiles against the public API, each block as a module by itself. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const DOCUMENTS = ['README.md', 'docs/embedding.md', 'docs/errors.md'];
/** By the language that a block names. */
const EXTENSIONS: Readonly<Record<string, string>> = { ts: '.mts', js: '.mjs', cjs: '.cjs' };

/** As a user has them; `wg-ts` is the sources, since dist/ may be older. */
const OPTIONS: ts.CompilerOptions = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  target: ts.ScriptTarget.ES2023,
  lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: ['node'],
  allowJs: true,
  checkJs: true,
  noEmit: true,
  skipLibCheck: true,
  paths: {
    'wg-ts': [join(root, 'src/index.ts')],
    'wg-ts/protocol': [join(root, 'protocol/index.ts')],
  },
};

interface Block {
  /** `docs/embedding.md:21`: where its code begins. */
  readonly place: string;
  /** A file that is not there. */
  readonly file: string;
  readonly text: string;
}

function blocksOf(document: string): Block[] {
  const text = readFileSync(join(root, document), 'utf8');
  return [...text.matchAll(/^```(ts|js|cjs)\n([\s\S]*?)^```$/gm)].map((found) => {
    const [, language = '', code = ''] = found;
    const line = text.slice(0, found.index).split('\n').length + 1;
    const file = `documented-${document.replace(/\W/g, '-')}-${line}${EXTENSIONS[language]}`;
    return { place: `${document}:${line}`, file: join(root, file), text: code };
  });
}

/** What tsc says of each block, with the line within it. */
function complaints(blocks: readonly Block[]): Map<string, string[]> {
  const texts = new Map(blocks.map(({ file, text }) => [file, text]));
  const host = ts.createCompilerHost(OPTIONS);
  const { fileExists, readFile } = host;
  host.fileExists = (file) => texts.has(file) || fileExists(file);
  host.readFile = (file) => texts.get(file) ?? readFile(file);
  const program = ts.createProgram([...texts.keys()], OPTIONS, host);
  return new Map(
    blocks.map(({ file, place }) => {
      const source = program.getSourceFile(file);
      const said = ts.getPreEmitDiagnostics(program, source).map((one) => {
        const line = source?.getLineAndCharacterOfPosition(one.start ?? 0).line ?? 0;
        return `line ${line + 1}: ${ts.flattenDiagnosticMessageText(one.messageText, ' ')}`;
      });
      return [place, said];
    }),
  );
}

const wrong: Block = {
  place: 'a wrong block',
  file: join(root, 'documented-wrong.mts'),
  text: "import { connect } from 'wg-ts';\nawait connect(7);\n",
};
const byDocument = new Map(DOCUMENTS.map((document) => [document, blocksOf(document)]));
let found: Map<string, string[]>;

beforeAll(() => {
  found = complaints([wrong, ...[...byDocument.values()].flat()]);
}, 120_000);

describe.each(DOCUMENTS)('the code in %s', (document) => {
  const blocks = byDocument.get(document) ?? [];

  it('is there', () => {
    expect(blocks.length).toBeGreaterThan(0);
  });

  it.each(blocks)('compiles: $place', ({ place }) => {
    expect(found.get(place)).toEqual([]);
  });
});

it('a block that does not fit the API would be noticed', () => {
  expect(found.get(wrong.place)).toEqual([expect.stringMatching(/^line 2: .*number/)]);
});
