/** The text format of Prometheus, version 0.0.4, read as strictly as promtool does. */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
  readonly samples: readonly Sample[];
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"(,|$)/;
const HELP = new RegExp(`^# HELP (${NAME}) ([^ ].*)$`);
const TYPE = new RegExp(`^# TYPE (${NAME}) (counter|gauge)$`);
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`);
const VALUE = /^(?:[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?|NaN|[+-]Inf)$/;

/** Throws for the first line that is not of the format, and for what a linter complains of. */
export function parseExposition(text: string): readonly Family[] {
  if (!text.endsWith('\n')) throw new Error('the last line has no line feed');
  const families: (Family & { readonly samples: Sample[] })[] = [];
  let help: { readonly name: string; readonly text: string } | undefined;
  for (const [index, line] of text.slice(0, -1).split('\n').entries()) {
    const complain = (what: string): never => {
      throw new Error(`line ${index + 1}: ${what}: ${line}`);
    };
    if (line === '') continue;
    const [, helped, words = ''] = HELP.exec(line) ?? [];
    const [, typed, type] = TYPE.exec(line) ?? [];
    if (helped !== undefined) {
      if (families.some(({ name }) => name === helped)) complain('told twice');
      help = { name: helped, text: words };
    } else if (typed !== undefined) {
      if (help?.name !== typed) complain('has no HELP before');
      if ((type === 'counter') !== typed.endsWith('_total')) complain('a name against its type');
      families.push({
        name: typed,
        help: help?.text ?? '',
        type: type as Family['type'],
        samples: [],
      });
    } else {
      const sample = parseSample(line) ?? complain('not a sample');
      const family = families.at(-1);
      if (!family || family.name !== sample.name) return complain('not of the family above');
      const labels = JSON.stringify(sample.labels);
      if (family.samples.some((one) => JSON.stringify(one.labels) === labels))
        complain('the same labels twice');
      family.samples.push(sample);
    }
  }
  return families;
}

function parseSample(line: string): Sample | undefined {
  const [, name, labelText = '', value] = SAMPLE.exec(line) ?? [];
  if (name === undefined || value === undefined || !VALUE.test(value)) return undefined;
  const labels: Record<string, string> = {};
  for (let rest = labelText; rest !== ''; ) {
    const [whole, label = '', text = '', end] = LABEL.exec(rest) ?? [];
    if (whole === undefined || Object.hasOwn(labels, label)) return undefined;
    labels[label] = text.replace(/\\(.)/g, (_, escaped: string) =>
      escaped === 'n' ? '\n' : escaped,
    );
    rest = rest.slice(whole.length);
    if (end === ',' && rest === '') return undefined;
  }
  return { name, labels, value: Number(value.replace('Inf', 'Infinity')) };
}

/** Throws when there is not exactly one sample of this name with these labels among its own. */
export function sampleValue(
  families: readonly Family[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const samples = families
    .flatMap((family) => family.samples)
    .filter((sample) => sample.name === name)
    .filter((sample) =>
      Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
    );
  const [sample, ...others] = samples;
  if (!sample || others.length > 0) throw new Error(`${samples.length} samples of ${name}`);
  return sample.value;
}
