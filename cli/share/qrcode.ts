/** Draws QR codes on a terminal and as a PNG. */
import { createRequire } from 'node:module';
import encodeQR from 'qr';
import { WgTsError } from '../../system/errors.js';

/** The capacity of the largest code, with the least error correction. */
const MAX_BYTES = 2953;
/** The margin that the standard requires, and the least that scanners need. */
const [FULL_MARGIN, LEAST_MARGIN] = [4, 2];
/** Black on white, whatever the colours of the terminal are. */
const BLACK_ON_WHITE = '\u001b[38;5;16;48;5;231m';
const PLAIN = '\u001b[0m';
const HALVES = { none: ' ', upper: '\u2580', lower: '\u2584', both: '\u2588' } as const;
const PIXELS_A_MODULE = 8;

/** Rows of modules; true is dark. */
export type Modules = readonly (readonly boolean[])[];

/** Uses the least error correction, for the fewest modules. Throws WgTsError ERR_FILE. */
export function qrModules(text: string, margin: number = FULL_MARGIN): Modules {
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_BYTES)
    throw new WgTsError('ERR_FILE', `${bytes} bytes do not fit into a QR code of ${MAX_BYTES}`, {
      hint: 'shorten AllowedIPs or remove peers, or send the file another way',
    });
  return encodeQR(text, 'raw', { ecc: 'low', border: margin });
}

/** Two modules per character, one above the other. The margin shrinks if the code would be too wide. */
export function qrForTerminal(text: string, columns: number = 80): string {
  const wide = qrModules(text);
  const modules = wide.length <= columns ? wide : qrModules(text, LEAST_MARGIN);
  const lines: string[] = [];
  for (let row = 0; row < modules.length; row += 2)
    lines.push(`${BLACK_ON_WHITE}${halves(modules[row] ?? [], modules[row + 1])}${PLAIN}\n`);
  return lines.join('');
}

function halves(upper: readonly boolean[], lower: readonly boolean[] | undefined): string {
  return upper
    .map((isUpperDark, column) => {
      const isLowerDark = lower?.[column] ?? false;
      if (isUpperDark) return isLowerDark ? HALVES.both : HALVES.upper;
      return isLowerDark ? HALVES.lower : HALVES.none;
    })
    .join('');
}

/** Returns how many columns and rows of a terminal the code takes. */
export function sizeInTerminal(shown: string): { readonly columns: number; readonly rows: number } {
  const lines = shown.split('\n').slice(0, -1);
  const [first = ''] = lines;
  return {
    columns: first.length - BLACK_ON_WHITE.length - PLAIN.length,
    rows: lines.length,
  };
}

/** Returns a PNG with eight by eight pixels per module. */
export function qrAsPng(text: string): Buffer {
  const modules = qrModules(text);
  const { PNG } = createRequire(import.meta.url)('pngjs') as typeof import('pngjs');
  const side = modules.length * PIXELS_A_MODULE;
  const png = new PNG({ width: side, height: side });
  for (let y = 0; y < side; y += 1)
    for (let x = 0; x < side; x += 1) {
      const isDark = modules[Math.floor(y / PIXELS_A_MODULE)]?.[Math.floor(x / PIXELS_A_MODULE)];
      png.data.fill(isDark ? 0 : 255, (y * side + x) * 4, (y * side + x) * 4 + 3);
      png.data[(y * side + x) * 4 + 3] = 255;
    }
  return PNG.sync.write(png, { colorType: 0 });
}
