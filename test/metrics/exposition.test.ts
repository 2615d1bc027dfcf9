import { expect, it } from 'vitest';
import { parseExposition, sampleValue } from './exposition.js';

const HEAD = '# HELP a_total Some words.\n# TYPE a_total counter\n';

it('the reader of the format reads it', () => {
  const families = parseExposition(`${HEAD}a_total{x="1\\"\\\\\\n",y=""} 1.5e+3\na_total 2\n`);
  expect(families).toMatchObject([{ name: 'a_total', help: 'Some words.', type: 'counter' }]);
  expect(sampleValue(families, 'a_total', { x: '1"\\\n' })).toBe(1500);
});

it.each([
  ['no line feed', `${HEAD}a_total 1`],
  ['no type', '# HELP a_total b\na_total 1\n'],
  ['no help', '# TYPE a_total counter\na_total 1\n'],
  ['a counter without its suffix', '# HELP a b\n# TYPE a counter\na 1\n'],
  ['a gauge with a suffix', '# HELP a_total b\n# TYPE a_total gauge\na_total 1\n'],
  ['another name', `${HEAD}b_total 1\n`],
  ['no value', `${HEAD}a_total\n`],
  ['no number', `${HEAD}a_total x\n`],
  ['a bare label', `${HEAD}a_total{x=1} 1\n`],
  ['a comma at the end', `${HEAD}a_total{x="1",} 1\n`],
  ['a label twice', `${HEAD}a_total{x="1",x="2"} 1\n`],
  ['a sample twice', `${HEAD}a_total 1\na_total 2\n`],
  ['a family twice', `${HEAD}a_total 1\n${HEAD}a_total 1\n`],
  ['a bad escape', `${HEAD}a_total{x="\\t"} 1\n`],
])('the reader of the format refuses %s', (_, text) => {
  expect(() => parseExposition(text)).toThrow();
});
