/**
 * A line of a configuration file that is neither empty nor a comment. Columns are 1-based, in UTF-16
 * units.
 */
export type ConfigLine =
  | {
      readonly type: 'section';
      readonly line: number;
      readonly column: number;
      /** Between the brackets, trimmed. */
      readonly name: string;
    }
  | {
      readonly type: 'entry';
      readonly line: number;
      readonly column: number;
      readonly key: string;
      readonly value: string;
      /** Where the value begins, or would begin. */
      readonly valueColumn: number;
      readonly hasComment: boolean;
    }
  | {
      readonly type: 'junk';
      readonly line: number;
      readonly column: number;
    };

/** White space as wg(8) defines it; JavaScript's trim() would remove other characters too. */
function isSpace(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13);
}

function skipSpaces(text: string, from: number, to: number): number {
  let at = from;
  while (at < to && isSpace(text.charCodeAt(at))) at++;
  return at;
}

function skipSpacesBack(text: string, from: number, to: number): number {
  let at = to;
  while (at > from && isSpace(text.charCodeAt(at - 1))) at--;
  return at;
}

/**
 * Splits the text of a file into its lines; empty ones and comments are left out. A comment begins
 * at the first `#`, also inside quotes, as in wg(8) and wg-quick(8).
 */
export function* readLines(text: string): Generator<ConfigLine> {
  let start = text.startsWith('\ufeff') ? 1 : 0;
  for (let line = 1; start <= text.length; line++) {
    const newline = text.indexOf('\n', start);
    const end = newline === -1 ? text.length : newline;
    const read = readLine(text.slice(start, end), line);
    if (read) yield read;
    start = end + 1;
  }
}

function readLine(text: string, line: number): ConfigLine | undefined {
  const comment = text.indexOf('#');
  const limit = comment === -1 ? text.length : comment;
  const from = skipSpaces(text, 0, limit);
  const to = skipSpacesBack(text, from, limit);
  if (from === to) return undefined;
  const column = from + 1;
  if (text[from] === '[') {
    if (text[to - 1] !== ']') return { type: 'junk', line, column };
    const nameFrom = skipSpaces(text, from + 1, to - 1);
    const name = text.slice(nameFrom, skipSpacesBack(text, nameFrom, to - 1));
    return { type: 'section', line, column, name };
  }
  const equals = text.indexOf('=', from);
  if (equals === -1 || equals >= to) return { type: 'junk', line, column };
  const key = text.slice(from, skipSpacesBack(text, from, equals));
  const valueFrom = skipSpaces(text, equals + 1, to);
  return {
    type: 'entry',
    line,
    column,
    key,
    value: text.slice(valueFrom, to),
    valueColumn: valueFrom + 1,
    hasComment: comment !== -1,
  };
}
