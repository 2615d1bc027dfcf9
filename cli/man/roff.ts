/**
 * man(7) pages as text. The available libraries convert Markdown to roff. For command definitions that
 * would mean escaping for a second syntax, one that has no lists of terms. The resulting pages show
 * options as bullets, hyphenate names, and draw warnings from mandoc.
 */

const SPECIAL: Readonly<Record<string, string>> = {
  '\\': '\\(rs',
  '-': '\\-',
  "'": '\\(aq',
  '"': '\\(dq',
  '`': '\\(ga',
  '^': '\\(ha',
  '~': '\\(ti',
};

/** Escapes text within a line, so that a terminal shows it literally. */
export function escapeRoff(text: string): string {
  return text.replace(/[\\'"`^~-]|[^\p{ASCII}]/gu, (character) => {
    const known = SPECIAL[character];
    if (known !== undefined) return known;
    const code = character.codePointAt(0) ?? 0;
    return `\\[u${code.toString(16).toUpperCase().padStart(4, '0')}]`;
  });
}

/** Returns a line of text; without the escape, a dot at its beginning would make it a request. */
export function textLine(text: string): string {
  const escaped = escapeRoff(text.replace(/\s+/g, ' ').trim());
  return escaped.startsWith('.') ? `\\&${escaped}` : escaped;
}

/** Returns one argument of a macro, quoted. */
function argument(text: string): string {
  return `"${escapeRoff(text)}"`;
}

export interface PageTitle {
  readonly name: string;
  readonly section: number;
  /** `2026-11-23`. */
  readonly date: string;
  /** The program and its version. */
  readonly source: string;
  readonly manual: string;
}

export class RoffPage {
  readonly #lines: string[] = [];

  constructor({ name, section, date, source, manual }: PageTitle) {
    const rest = [`"${date}"`, argument(source), argument(manual)].join(' ');
    // No hyphenation: a hyphenated command could not be copied.
    this.#lines.push(`.TH ${argument(name.toUpperCase())} ${section} ${rest}`, '.nh', '.ad l');
  }

  section(title: string): this {
    this.#lines.push(`.SH ${argument(title)}`);
    return this;
  }

  subsection(title: string): this {
    this.#lines.push(`.SS ${argument(title)}`);
    return this;
  }

  /** The only line of the section NAME, in the format that mandb(8) reads. */
  nameLine(name: string, summary: string): this {
    this.#lines.push(`${escapeRoff(name)} \\- ${escapeRoff(summary)}`);
    return this;
  }

  /** A command and its arguments. */
  synopsis(command: string, rest: string): this {
    this.#lines.push(`.B ${argument(command)}`);
    if (rest !== '') this.#lines.push(textLine(rest));
    return this;
  }

  lineBreak(): this {
    this.#lines.push('.br');
    return this;
  }

  paragraph(text: string): this {
    if (!this.#isAfterTitle()) this.#lines.push('.PP');
    this.#lines.push(textLine(text));
    return this;
  }

  /** A term and its meaning. */
  item(term: string, text: string): this {
    this.#lines.push('.TP', `.B ${argument(term)}`, textLine(text) || '\\&');
    return this;
  }

  /** Lines that are shown verbatim. */
  literal(lines: readonly string[]): this {
    const text = lines.map((line) =>
      /^[.']/.test(line) ? `\\&${escapeRoff(line)}` : escapeRoff(line),
    );
    if (!this.#isAfterTitle()) this.#lines.push('.PP');
    this.#lines.push('.RS 4', '.nf', ...text, '.fi', '.RE');
    return this;
  }

  /** `[name, section]` of other pages. */
  seeAlso(pages: readonly (readonly [name: string, section: number])[]): this {
    this.section('SEE ALSO');
    const last = pages.length - 1;
    for (const [index, [name, section]] of pages.entries())
      this.#lines.push(`.BR ${escapeRoff(name)} (${section})${index < last ? ',' : ''}`);
    return this;
  }

  /** After a title a paragraph begins without a macro. */
  #isAfterTitle(): boolean {
    return /^\.S[HS] /.test(this.#lines.at(-1) ?? '');
  }

  toString(): string {
    return `${this.#lines.join('\n')}\n`;
  }
}
