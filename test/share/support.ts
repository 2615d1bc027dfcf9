import { createRequire } from 'node:module';
import { stripVTControlCharacters } from 'node:util';

const key = (fill: number): string => Buffer.alloc(32, fill).toString('base64');

export const KEYS: Readonly<Record<'private' | 'public' | 'preshared', string>> = {
  private: key(1),
  public: key(2),
  preshared: key(3),
};

/** With comments and blanks, as people write it. */
export const TEXT: string = `# the office
[Interface]
PrivateKey = ${KEYS.private} # mine
Address = 10.20.0.7/32, fd20::7/128
DNS = 10.20.0.1, office.example.com

[Peer]
PublicKey = ${KEYS.public}
PresharedKey = ${KEYS.preshared}
AllowedIPs = 10.20.0.0/16, fd20::/48
Endpoint = vpn.example.com:51820
PersistentKeepalive = 25
`;

const load = createRequire(import.meta.url);
export const pngjs: typeof import('pngjs') = load('pngjs') as typeof import('pngjs');
export const jpegjs: typeof import('jpeg-js') = load('jpeg-js') as typeof import('jpeg-js');

export interface Bitmap {
  readonly width: number;
  readonly height: number;
  /** RGBA. */
  readonly data: Uint8Array;
}

/** As a camera sees a terminal that shows `text`: black block elements on white. */
export function photograph(text: string, pixels = 4): Bitmap {
  const lines = stripVTControlCharacters(text).split('\n').slice(0, -1);
  const rows = lines.flatMap((line) => [
    [...line].map((block) => block === '\u2588' || block === '\u2580'),
    [...line].map((block) => block === '\u2588' || block === '\u2584'),
  ]);
  const [width, height] = [(rows[0] ?? []).length * pixels, rows.length * pixels];
  const data = new Uint8Array(width * height * 4).fill(255);
  for (let y = 0; y < height; y += 1)
    for (let x = 0; x < width; x += 1)
      if (rows[Math.floor(y / pixels)]?.[Math.floor(x / pixels)])
        data.fill(0, (y * width + x) * 4, (y * width + x) * 4 + 3);
  return { width, height, data };
}
