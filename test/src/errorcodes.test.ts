/** docs/errors.md lists exactly the errors that the sources make. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import {
  ChangeError,
  ConfigError,
  isWgTsError,
  NetConfigError,
  TunError,
  UdpError,
  WgTsError,
} from '../../src/index.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface Row {
  readonly code: string;
  readonly classes: readonly string[];
  readonly cells: readonly string[];
}

function rowsUnder(heading: string): Row[] {
  const text = readFileSync(join(root, 'docs/errors.md'), 'utf8');
  const section = text.split(/^## /m).find((one) => one.startsWith(`${heading}\n`)) ?? '';
  return [...section.matchAll(/^\| `(ERR_[A-Z_]+)` \| (.*) \|$/gm)].map(
    ([, code = '', rest = '']) => {
      const cells = rest.split(' | ');
      return {
        code,
        cells,
        classes: [...(cells[0] ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => `${name}`),
      };
    },
  );
}

/** The members of a union of texts that `file` exports, as the type checker sees it. */
function unions(file: string, names: readonly string[]): string[][] {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), (path) =>
    readFileSync(path, 'utf8'),
  );
  const { options } = ts.parseJsonConfigFileContent(
    { ...config, include: [], files: [file] },
    ts.sys,
    root,
  );
  const program = ts.createProgram([join(root, file)], { ...options, noEmit: true });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(join(root, file));
  const symbol = source && checker.getSymbolAtLocation(source);
  const exported = symbol ? checker.getExportsOfModule(symbol) : [];
  return names.map((name) => {
    const found = exported.find((one) => one.name === name);
    const type = found && checker.getDeclaredTypeOfSymbol(found);
    const members = type?.isUnion() ? type.types : [];
    return members.map((one) => (one.isStringLiteral() ? one.value : '?')).sort();
  });
}

interface Made {
  readonly file: string;
  readonly code: string;
  /** Undefined where the code is chosen elsewhere than where the error is made. */
  readonly className: string | undefined;
}

function isOnlyTypes(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(node)) {
    const names = node.exportClause;
    if (node.isTypeOnly || !names || !ts.isNamedExports(names)) return node.isTypeOnly;
    return names.elements.every(({ isTypeOnly }) => isTypeOnly);
  }
  const { importClause } = node;
  if (importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const names = importClause?.namedBindings;
  if (!names || !ts.isNamedImports(names)) return false;
  return names.elements.every(({ isTypeOnly }) => isTypeOnly);
}

function classOf(literal: ts.StringLiteral): string | undefined {
  const { parent } = literal;
  if (ts.isNewExpression(parent) && parent.arguments?.[0] === literal)
    return parent.expression.getText();
  let node: ts.Node = literal;
  const isOwn =
    ts.isPropertyDeclaration(parent) ||
    (ts.isCallExpression(parent) && parent.expression.kind === ts.SyntaxKind.SuperKeyword);
  while (isOwn && !ts.isSourceFile(node)) {
    if (ts.isClassDeclaration(node)) return node.name?.text;
    node = node.parent;
  }
  return undefined;
}

/** All errors that are made in what `entry` imports, at once or later. */
function errorsMadeFrom(entry: string): { readonly made: Made[]; readonly files: number } {
  const seen = new Set<string>();
  const made: Made[] = [];
  const follow = (from: string, specifier: string): void => {
    const file = join(dirname(from), specifier.replace(/\.js$/, '.ts'));
    if (specifier.startsWith('.') && existsSync(file) && !seen.has(file)) read(file);
  };
  const read = (file: string): void => {
    seen.add(file);
    const source = ts.createSourceFile(
      file,
      readFileSync(file, 'utf8'),
      ts.ScriptTarget.Latest,
      true,
    );
    const visit = (node: ts.Node): void => {
      if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
        const { moduleSpecifier } = node;
        if (moduleSpecifier && ts.isStringLiteral(moduleSpecifier) && !isOnlyTypes(node))
          follow(file, moduleSpecifier.text);
      } else if (
        ts.isCallExpression(node) &&
        node.expression.kind === ts.SyntaxKind.ImportKeyword
      ) {
        const [specifier] = node.arguments;
        if (specifier && ts.isStringLiteral(specifier)) follow(file, specifier.text);
      } else if (ts.isStringLiteral(node) && /^ERR_[A-Z_]+$/.test(node.text) && !isCompared(node))
        made.push({ file: relative(root, file), code: node.text, className: classOf(node) });
      ts.forEachChild(node, visit);
    };
    visit(source);
  };
  read(join(root, entry));
  return { made, files: seen.size };
}

/** Of a type, or of a condition: neither makes an error. */
function isCompared({ parent }: ts.Node): boolean {
  return ts.isLiteralTypeNode(parent) || ts.isCaseClause(parent) || isEquality(parent);
}

function isEquality(node: ts.Node): boolean {
  if (!ts.isBinaryExpression(node)) return false;
  const { EqualsEqualsEqualsToken, ExclamationEqualsEqualsToken } = ts.SyntaxKind;
  return [EqualsEqualsEqualsToken, ExclamationEqualsEqualsToken].some(
    (kind) => node.operatorToken.kind === kind,
  );
}

const distinct = (texts: readonly string[]): string[] => [...new Set(texts)].sort();
const ofLibrary = rowsUnder('Codes');
const ofCommandLine = rowsUnder('Of the command line alone');

describe('docs/errors.md', () => {
  it('lists each code once', () => {
    const codes = [...ofLibrary, ...ofCommandLine].map(({ code }) => code);
    expect(codes).toEqual([...new Set(codes)]);
  });

  it('says when it occurs, what to do, and whether to try again', () => {
    for (const { code, cells } of [...ofLibrary, ...ofCommandLine]) {
      expect(cells, code).toHaveLength(4);
      expect(
        cells.every((cell) => cell.trim() !== ''),
        code,
      ).toBe(true);
      expect(['yes', 'no', 'perhaps'], code).toContain(cells[3]);
    }
  });

  it('has the codes of the types', () => {
    const [library, commandLine] = unions('src/errorcodes.ts', [
      'WgTsErrorCode',
      'CommandLineErrorCode',
    ]);
    expect(distinct(ofLibrary.map(({ code }) => code))).toEqual(library);
    expect(distinct(ofCommandLine.map(({ code }) => code))).toEqual(commandLine);
  }, 60_000);

  it('has the codes and classes of all errors that a program can meet', () => {
    const { made, files } = errorsMadeFrom('src/index.ts');
    expect(files).toBeGreaterThan(100);
    expect(distinct(made.map(({ code }) => code))).toEqual(
      distinct(ofLibrary.map(({ code }) => code)),
    );
    const pairs = made.flatMap(({ code, className }) => (className ? `${code} ${className}` : []));
    const told = ofLibrary.flatMap(({ code, classes }) => classes.map((name) => `${code} ${name}`));
    expect(told).toEqual(expect.arrayContaining(distinct(pairs)));
  });
});

describe('isWgTsError', () => {
  const problem = { line: 1, column: 1, message: 'cannot be read' };

  it.each([
    new WgTsError('ERR_USAGE', 'no'),
    new ConfigError('config', [problem]),
    new TunError('ERR_TUN', 'no'),
    new NetConfigError('ERR_NETCONFIG', 'ip', 'no'),
    new UdpError('ERR_SOCKET', 'no'),
    new ChangeError('no', undefined),
  ])('knows a $name', (error) => {
    expect(isWgTsError(error)).toBe(true);
    expect(error).toBeInstanceOf(WgTsError);
  });

  it.each([
    [new Error('no')],
    [Object.assign(new Error('no'), { code: 'ERR_USAGE' })],
    [new DOMException('no', 'AbortError')],
    [{ code: 'ERR_USAGE' }],
    ['ERR_USAGE'],
    [undefined],
    [null],
  ])('does not take %s for one', (error) => {
    expect(isWgTsError(error)).toBe(false);
  });
});
