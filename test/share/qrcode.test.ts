import fc from 'fast-check';
import decodeQR from 'qr/decode.js';
import { describe, expect, it } from 'vitest';
import { candidatesOf } from '../../cli/share/candidates.js';
import { phoneConfig } from '../../cli/share/phoneconfig.js';
import { qrAsPng, qrForTerminal, qrModules, sizeInTerminal } from '../../cli/share/qrcode.js';
import { parseConfig } from '../../src/config/parse.js';
import { jpegjs, KEYS, photograph, pngjs, TEXT } from './support.js';

const configOf = (text: string) => parseConfig(text).config;
const forPhone = (text: string) => phoneConfig(configOf(text));

const EVERYTHING = `${TEXT.replace('[Peer]', 'MTU = 1380\nListenPort = 51820\nTable = off\nFwMark = 1\nPreUp = true\nPostUp = true\nPreDown = true\nPostDown = true\nSaveConfig = true\nKillSwitch = true\n[Peer]')}`;

describe('a configuration for a phone', () => {
  it('is the same, shorter, and without its comments', () => {
    const { text, leftOut } = forPhone(TEXT);
    expect(leftOut).toEqual([]);
    expect(text).not.toMatch(/[# ]/);
    expect(text.length).toBeLessThan(TEXT.length);
    const [ours, theirs] = [configOf(text), configOf(TEXT)];
    expect(ours).toEqual(theirs);
    expect(ours.interface.privateKey.equals(theirs.interface.privateKey)).toBe(true);
  });

  it('has no key that the app refuses, and says which were left out', () => {
    const { text, leftOut } = forPhone(EVERYTHING);
    expect(leftOut.toSorted()).toEqual([
      'FwMark',
      'KillSwitch',
      'PostDown',
      'PostUp',
      'PreDown',
      'PreUp',
      'SaveConfig',
      'Table',
    ]);
    const keys = [...text.matchAll(/^(\w+)=/gm)].map(([, key]) => key);
    expect(keys).toEqual([
      ...['PrivateKey', 'Address', 'DNS', 'ListenPort', 'MTU'],
      ...['PublicKey', 'PresharedKey', 'AllowedIPs', 'Endpoint', 'PersistentKeepalive'],
    ]);
  });

  it('has what is left of AllowedIPs', () => {
    const { text } = forPhone(`${TEXT}ExcludedIPs = 10.20.0.0/17\n`);
    expect(text).toContain('\nAllowedIPs=10.20.128.0/17,fd20::/48\n');
    expect(text).not.toContain('Excluded');
  });
});

describe('a code in the terminal', () => {
  it('is what the configuration says', () => {
    const { text } = forPhone(TEXT);
    const shown = qrForTerminal(text);
    expect(decodeQR(photograph(shown))).toBe(text);
    const { columns, rows } = sizeInTerminal(shown);
    expect(columns).toBeLessThanOrEqual(80);
    expect(rows).toBeLessThan(40);
  });

  it('has its own colours in each line, and gives them back', () => {
    for (const line of qrForTerminal(forPhone(TEXT).text).trimEnd().split('\n')) {
      expect(line.startsWith('\u001b[38;5;16;48;5;231m')).toBe(true);
      expect(line.endsWith('\u001b[0m')).toBe(true);
    }
  });

  it('gives its margin for fitting in', () => {
    const text = 'x'.repeat(400);
    const full = sizeInTerminal(qrForTerminal(text, 200)).columns;
    const least = qrForTerminal(text, full - 1);
    expect(sizeInTerminal(least).columns).toBe(full - 4);
    expect(decodeQR(photograph(least))).toBe(text);
  });

  it('can hold any text', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 500, unit: 'grapheme' }), (text) => {
        expect(decodeQR(photograph(qrForTerminal(text, 300)), { timeLimit: 5000 })).toBe(text);
      }),
      { numRuns: 15 },
    );
  });

  it('is refused for what does not fit into one', () => {
    expect(qrModules('x'.repeat(2953)).length).toBe(177 + 8);
    expect(() => qrModules('x'.repeat(2954))).toThrow('2954 bytes do not fit');
  });
});

describe('a picture of a code', () => {
  const { text } = forPhone(TEXT);

  it('is read again', () => {
    expect(candidatesOf('phone.png', qrAsPng(text))).toEqual([
      { name: 'phone', origin: 'phone.png', text },
    ]);
  });

  it('is read from a JPEG that was made of it, turned and smaller', () => {
    const { width, height, data } = pngjs.PNG.sync.read(qrAsPng(text));
    const turned = new Uint8Array(data.length);
    for (let y = 0; y < height; y += 1)
      for (let x = 0; x < width; x += 1)
        for (let channel = 0; channel < 4; channel += 1)
          turned[(x * height + (height - 1 - y)) * 4 + channel] =
            data[(y * width + x) * 4 + channel] ?? 0;
    const jpeg = jpegjs.encode({ width: height, height: width, data: turned }, 60).data;
    expect(candidatesOf('IMG.jpeg', jpeg)).toEqual([{ name: 'IMG', origin: 'IMG.jpeg', text }]);
  });

  it('without a code, broken, or too large is refused', () => {
    const blank = new pngjs.PNG({ width: 64, height: 64 });
    const png = pngjs.PNG.sync.write(blank);
    expect(() => candidatesOf('a.png', Buffer.from(png))).toThrow('a.png has no readable QR code');
    expect(() => candidatesOf('a.png', png.subarray(0, 40))).toThrow('cannot be read as an image');
    expect(() => candidatesOf('a.png', png.subarray(0, 20))).toThrow('cannot be read as an image');
    const huge = Buffer.from(png);
    huge.writeUInt32BE(16_000, 16);
    huge.writeUInt32BE(16_000, 20);
    expect(() => candidatesOf('a.png', huge)).toThrow('an image of 16000 by 16000 pixels');
    const jpeg = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 0]);
    expect(() => candidatesOf('a.jpg', jpeg)).toThrow('cannot be read as an image');
  });

  it('leaves no copy of the bytes that it was read from', () => {
    const png = qrAsPng(text);
    candidatesOf('phone.png', png);
    expect(png.every((byte) => byte === 0)).toBe(true);
  });
});

it('no message shows a key', () => {
  expect(() => candidatesOf('x', Buffer.from([...Buffer.from(KEYS.private), 0xff]))).toThrow(
    /^x is neither UTF-8 text nor a zip, PNG or JPEG$/,
  );
});
