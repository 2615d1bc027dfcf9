/** The page for section 5: every key of a configuration, with its comment in configs/every-key.conf. */
import { type Edition, type ManPage, CONFIG_PAGE as NAME, newPage } from './pages.js';

export interface ExplainedKeys {
  readonly section: string;
  /** Keys that share the explanation. */
  readonly keys: readonly string[];
  readonly explanation: string;
}

/**
 * A comment explains the keys on the lines below it. Comments on a key that an earlier section of the
 * same name has explained are ignored.
 */
export function explainedKeys(example: string): readonly ExplainedKeys[] {
  const groups: { section: string; keys: string[]; explanation: string }[] = [];
  const known = new Set<string>();
  let section = '';
  let comment: string[] = [];
  for (const line of example.split('\n')) {
    const key = /^(\w+)\s*=/.exec(line)?.[1];
    if (line.startsWith('#')) comment.push(line.replace(/^#\s*/, ''));
    else if (key === undefined) {
      comment = [];
      section = /^\[.*\]/.exec(line)?.[0] ?? section;
    } else {
      const isNew = !known.has(`${section} ${key}`);
      known.add(`${section} ${key}`);
      const last = groups.at(-1);
      if (isNew && comment.length === 0 && last?.section === section) last.keys.push(key);
      else if (isNew) groups.push({ section, keys: [key], explanation: comment.join(' ') });
      comment = [];
    }
  }
  return groups;
}

export function configPage(example: string, edition: Edition): ManPage {
  const groups = explainedKeys(example);
  const page = newPage(NAME, 5, edition);
  page.section('NAME').nameLine(NAME, 'configuration of a WireGuard tunnel');
  page.section('SYNOPSIS').paragraph('/etc/wireguard/NAME.conf');
  page
    .section('DESCRIPTION')
    .paragraph(
      'The format of wg-quick(8), with a few additional keys. The interface is named after the file. wg-ts check NAME explains a file and reports its errors; wg-ts strip NAME prints the part that wg(8) accepts.',
    );
  for (const section of new Set(groups.map((one) => one.section))) {
    page.section(section);
    for (const { keys, explanation } of groups.filter((one) => one.section === section))
      page.item(keys.join(', '), explanation);
  }
  page.section('EXAMPLES').paragraph('Every key; most files need only a few of them.');
  page.literal(
    example
      .trim()
      .split('\n')
      .filter((line) => !line.startsWith('#')),
  );
  page.seeAlso([
    ['wg-ts', 1],
    ['wg', 8],
    ['wg-quick', 8],
  ]);
  return { file: `${NAME}.5`, text: page.toString() };
}
