/** Parses the notes below the options in --help. */

export type NotePart =
  | { readonly type: 'paragraph'; readonly text: string }
  | { readonly type: 'literal'; readonly lines: readonly string[] };

export interface Notes {
  readonly parts: readonly NotePart[];
  readonly examples: readonly string[];
}

/** Indented lines are kept literally; the lines after `Example:` or `Examples:` are examples. */
export function parseNotes(text: string): Notes {
  const parts: NotePart[] = [];
  const examples: string[] = [];
  for (const block of text.split(/\n{2,}/).filter((one) => one.trim() !== '')) {
    const lines = block.split('\n');
    const isOfExamples = /^Examples?:$/.test(lines[0] ?? '');
    if (isOfExamples) examples.push(...lines.slice(1).map((line) => line.replace(/^ {1,2}/, '')));
    else parts.push(...partsOf(lines));
  }
  return { parts, examples };
}

function partsOf(lines: readonly string[]): NotePart[] {
  const parts: NotePart[] = [];
  let [prose, literal]: [string[], string[]] = [[], []];
  const flush = (): void => {
    if (prose.length > 0) parts.push({ type: 'paragraph', text: prose.join(' ') });
    if (literal.length > 0) parts.push({ type: 'literal', lines: literal });
    [prose, literal] = [[], []];
  };
  for (const line of lines) {
    const isLiteral = /^\s/.test(line);
    if (isLiteral ? prose.length > 0 : literal.length > 0) flush();
    if (isLiteral) literal.push(line.replace(/^ {1,2}/, ''));
    else prose.push(line);
  }
  flush();
  return parts;
}
