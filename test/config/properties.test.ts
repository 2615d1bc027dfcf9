import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError, formatProblem } from '../../src/config/errors.js';
import { parseConfig } from '../../src/config/parse.js';
import { INTERFACE_KEYS, PEER_KEYS } from '../../src/config/section.js';
import { OTHER_PUBLIC_KEY, PRESHARED_KEY, PRIVATE_KEY, PUBLIC_KEY, plain } from './samples.js';

const LINES: readonly (readonly [string, string?])[] = [
  ['[Interface]'],
  ['PrivateKey', PRIVATE_KEY],
  ['ListenPort', '51820'],
  ['FwMark', '0xca6c'],
  ['Address', '10.0.0.2/24'],
  ['DNS', '192.0.2.53, example.com'],
  ['MTU', '1420'],
  ['Table', 'auto'],
  ['PostUp', 'echo "%i = up"'],
  ['[Peer]'],
  ['PublicKey', PUBLIC_KEY],
  ['PresharedKey', PRESHARED_KEY],
  ['AllowedIPs', '10.0.0.0/24, fd00::/64'],
  ['Endpoint', 'vpn.example.com:51820'],
  ['PersistentKeepalive', '25'],
  ['[Peer]'],
  ['PublicKey', OTHER_PUBLIC_KEY],
  ['AllowedIPs', '0.0.0.0/0'],
];

const FILE: string = LINES.map(([key, value]) => (value ? `${key} = ${value}` : key)).join('\n');
const KEYS: readonly string[] = [...INTERFACE_KEYS, ...PEER_KEYS];

const spaces: fc.Arbitrary<string> = fc.stringMatching(/^[ \t]{0,3}$/);
const ending: fc.Arbitrary<string> = fc.constantFrom('\n', '\r\n', '\n\n', ' \n# [Peer]\n', '#\n');

function recase(text: string): fc.Arbitrary<string> {
  return fc
    .array(fc.boolean(), { minLength: text.length, maxLength: text.length })
    .map((upper) =>
      Array.from(text, (c, i) => (upper[i] ? c.toUpperCase() : c.toLowerCase())).join(''),
    );
}

const noisyFile: fc.Arbitrary<string> = fc
  .tuple(
    ...LINES.map(([key, value]) =>
      fc
        .tuple(spaces, recase(key), spaces, spaces, spaces, ending)
        .map(([a, name, b, c, d, end]) =>
          value ? `${a}${name}${b}=${c}${value}${d}${end}` : `${a}${name}${b}${end}`,
        ),
    ),
  )
  .map((lines) => lines.join(''));

/** All that can be seen of what parsing `text` said. */
function said(text: string): string {
  try {
    return parseConfig(text)
      .warnings.map((warning) => formatProblem('f', warning))
      .join('\n');
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const { message, hint, stack, problems } = error;
    const listed = problems.map((problem) => formatProblem('f', problem));
    return [message, hint, stack, JSON.stringify(error), ...listed].join('\n');
  }
}

function expectNoPart(text: string, ...secrets: readonly string[]): void {
  const lower = text.toLowerCase();
  const told = secrets.filter((secret) =>
    Array.from({ length: secret.length - 7 }, (_, at) => secret.slice(at, at + 8)).some((part) =>
      lower.includes(part.toLowerCase()),
    ),
  );
  expect(told, text).toEqual([]);
}

function expectNoSecret(text: string): void {
  expectNoPart(text, PRIVATE_KEY, PRESHARED_KEY);
}

describe('parseConfig', () => {
  it('does not mind white space, case, line ends and comments', () => {
    const expected = plain(parseConfig(FILE));
    fc.assert(
      fc.property(noisyFile, (text) => {
        expect(plain(parseConfig(text))).toEqual(expected);
      }),
      { numRuns: 100 },
    );
  });

  it('throws nothing but ConfigError for a damaged file, and never shows a secret', () => {
    const piece = fc.oneof(
      fc.constantFrom('\n', '=', ' = ', '[', ']', ',', '#', ' ', '/', '%', '\0', '\r', ''),
      fc.constantFrom(PRIVATE_KEY, PRESHARED_KEY),
      fc.constantFrom(...KEYS),
      fc.string({ unit: 'binary', maxLength: 4 }),
    );
    const edit = fc.tuple(fc.nat(FILE.length), fc.nat(3), piece);
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 12 }), (edits) => {
        let text = FILE;
        for (const [at, removed, added] of edits)
          text = text.slice(0, at) + added + text.slice(at + removed);
        expectNoSecret(said(text));
      }),
      { numRuns: 400 },
    );
  });

  it('throws nothing but ConfigError for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        expect(said(text)).toContain('f:');
      }),
      { numRuns: 300 },
    );
  });

  it('never shows a secret that stands under a wrong key', () => {
    const secret = fc
      .uint8Array({ minLength: 32, maxLength: 32 })
      .chain((bytes) =>
        fc.constantFrom(
          Buffer.from(bytes).toString('base64'),
          Buffer.from(bytes).toString('base64url'),
          Buffer.from(bytes).toString('hex'),
        ),
      );
    const name = fc.oneof(
      fc.constantFrom(...KEYS),
      fc.constantFrom(...KEYS).map((key) => key.slice(1)),
      fc.constantFrom('Key', 'Secret', 'Password', '[Peer]', ''),
    );
    const around = fc.constantFrom(
      '',
      ' ',
      ',',
      ', ',
      ':',
      ':51820',
      '/32',
      '[',
      ']',
      '.',
      '=',
      '"',
    );
    fc.assert(
      fc.property(name, secret, around, around, fc.boolean(), (key, value, before, after, peer) => {
        const section = peer ? '[Peer]' : '[Interface]';
        // A run of one character says nothing; fast-check likes such bytes.
        const parts = new Set(value).size < 8 ? [] : [value];
        expectNoPart(said(`${section}\n${key} = ${before}${value}${after}`), ...parts);
      }),
      { numRuns: 400 },
    );
  });
});
