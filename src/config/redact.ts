import { distance } from 'fastest-levenshtein';

/**
 * Decides which text of a file may appear in a message. A secret can be anywhere: under a misspelt key,
 * under another key, or cut by a line break. So a text is quoted only when it cannot contain a piece of
 * a key that is long enough to be useful, wherever it appears.
 */
const LONGEST_HARMLESS_RUN = 7;
const LONGEST_QUOTE = 64;

const BASE64_RUN = new RegExp(`[A-Za-z0-9+/_-]{${LONGEST_HARMLESS_RUN + 1},}`, 'g');
/** Words as in host names; a random piece of base64 is hardly ever all in lower case. */
const WORD = /^[a-z]+(-[a-z]+)*$/;
/** Words as in PostConnect: each part has a capital and at least two small letters. */
const CAMEL_WORDS = /^([A-Za-z][a-z]{2,}){1,4}$/;

/**
 * Returns `'item' ` with the space after it, or an empty string when `value`, which contains `item`,
 * may hold a secret: a piece alone can look more harmless than it is.
 */
export function quote(item: string, value: string = item): string {
  return item.length <= LONGEST_QUOTE && isHarmless(value) ? `'${item}' ` : '';
}

function isHarmless(value: string): boolean {
  if (!isPrintableAscii(value)) return false;
  return (value.match(BASE64_RUN) ?? []).every((run) => WORD.test(run));
}

/** Returns the known name that a misspelt one most likely means. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  if (name.length > 32) return undefined;
  const lower = name.toLowerCase();
  const ranked = known
    .map((candidate) => ({ candidate, off: distance(lower, candidate.toLowerCase()) }))
    .sort((a, b) => a.off - b.off);
  const best = ranked[0];
  const isNear =
    best && best.off < name.length && best.off <= Math.max(2, best.candidate.length / 3);
  return isNear ? best.candidate : undefined;
}

/**
 * Returns the unknown name of a key or section in quotes with a space before, or an empty string when
 * it might be a piece of a secret: the end of a key in base64 looks like a name and an empty value.
 */
export function quoteName(name: string, known: readonly string[], hasValue: boolean): string {
  if (!isPrintableAscii(name) || name === '') return '';
  const harmless =
    name.length <= LONGEST_HARMLESS_RUN ||
    nearest(name, known) !== undefined ||
    (hasValue && name.length <= 24 && CAMEL_WORDS.test(name));
  return harmless ? ` '${name}'` : '';
}

function isPrintableAscii(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}
