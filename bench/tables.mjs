// Formats figures and reasons for the report.

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function round(value) {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toFixed(digits);
}

/** Returns the median with the minimum and the maximum. */
export function cell(values) {
  if (values === undefined || values.length === 0) return '';
  const spread = `[${round(Math.min(...values))} - ${round(Math.max(...values))}]`;
  return values.length === 1 ? round(values[0]) : `${round(median(values))} ${spread}`;
}

/** Returns the ratio of the medians. */
export function ratio(values, reference) {
  if (!values?.length || !reference?.length) return '';
  return `${round(median(values) / median(reference))}x`;
}

export function table(header, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Returns the end of the message in one line: the end of a program's output says more than its command. */
export function inShort(error) {
  const words = error.message.replace(/\s+/g, ' ').trim();
  return words.length <= 200 ? words : `… ${words.slice(-200)}`;
}
