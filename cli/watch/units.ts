const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** Three digits and the unit of wg(8), in at most 8 columns: `1.21 KiB`, `12.1 KiB`, `1023 KiB`. */
export function formatSize(bytes: number | bigint): string {
  let size = Number(bytes);
  let unit = 0;
  // A size that rounds to 1024 is shown in the next unit.
  while (Math.round(size) >= 1024 && unit < UNITS.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${threeDigits(size, unit === 0)} ${UNITS[unit]}`;
}

function threeDigits(size: number, isWhole: boolean): string {
  if (isWhole || size >= 99.95) return String(Math.round(size));
  return size >= 9.995 ? size.toFixed(1) : size.toFixed(2);
}

/** `12.1 KiB/s`, in at most 10 columns; `-` when the rate is not known yet. */
export function formatRate(bytesPerSecond: number | undefined): string {
  return bytesPerSecond === undefined ? '-' : `${formatSize(bytesPerSecond)}/s`;
}

const AGES = [
  ['d', 24 * 3600],
  ['h', 3600],
  ['m', 60],
  ['s', 1],
] as const;

/** The two largest units, in at most 7 columns below a thousand days: `12s`, `2m 05s`, `3d 04h`. */
export function formatAge(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole === 0) return '0s';
  const largest = AGES.findIndex(([, length]) => whole >= length);
  const [unit, length] = AGES[largest] ?? ['s', 1];
  const first = `${Math.floor(whole / length)}${unit}`;
  const [smaller, smallerLength] = AGES[largest + 1] ?? [];
  if (smaller === undefined || smallerLength === undefined) return first;
  const rest = Math.floor((whole % length) / smallerLength);
  return `${first} ${String(rest).padStart(2, '0')}${smaller}`;
}
