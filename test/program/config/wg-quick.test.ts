import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Config } from '../../../src/config/model.js';
import { parseConfig } from '../../../src/config/parse.js';
import {
  INTERFACE,
  OTHER_PUBLIC_KEY,
  PEER,
  PRESHARED_KEY,
  PRIVATE_KEY,
  plain,
} from '../../config/samples.js';

const example = (name: string): string =>
  readFileSync(new URL(`../../../configs/${name}.conf`, import.meta.url), 'utf8');

const FILES: Readonly<Record<string, string>> = {
  'every key': withoutOurKeys(example('every-key')),
  'a split tunnel': example('office'),
  CRLF: example('office').replaceAll('\n', '\r\n'),
  'odd spacing and case':
    `\t[INTERFACE]\nprivatekey=${PRIVATE_KEY}# x\n address = 10.0.0.1 10.0.0.2\nTABLE = off\n` +
    `POSTUP = echo "a = b"\n[PEER]\npublickey  =${OTHER_PUBLIC_KEY}\nallowedips=::/0,10.0.0.0/8`,
  'sections and keys again':
    `${INTERFACE}ListenPort = 1\nListenPort = 2\n${PEER}PresharedKey = ${PRESHARED_KEY}\n` +
    `AllowedIPs = 10.0.0.0/8\n[Interface]\nFwMark = 0x10\nMTU = 1400\n${PEER}AllowedIPs = ::/0\n`,
};

/** wg-quick would hand keys that it does not know to wg(8). */
function withoutOurKeys(text: string): string {
  return text.replaceAll(/^(KillSwitch|ReresolveInterval|Metrics|ExcludedIPs) = .*\n/gm, '');
}

/** What wg(8) itself is given; the keys of wg-quick(8) are gone. */
function strip(text: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'wg-ts-strip-'));
  try {
    const file = path.join(folder, 'strip.conf');
    writeFileSync(file, text, { mode: 0o600 });
    return execFileSync('wg-quick', ['strip', file], { encoding: 'utf8', stdio: 'pipe' });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function withoutQuickKeys({ interface: given, peers }: Config): Config {
  return {
    interface: {
      ...parseConfig(INTERFACE).config.interface,
      privateKey: given.privateKey,
      ...(given.listenPort && { listenPort: given.listenPort }),
      ...(given.fwMark && { fwMark: given.fwMark }),
    },
    peers,
  };
}

// Without root, wg-quick would ask for a password.
const missing: string | undefined =
  process.getuid?.() !== 0
    ? 'needs root'
    : spawnSync('wg-quick', ['--help']).status !== 0
      ? 'needs wg-quick'
      : undefined;

describe(`wg-quick strip${missing ? ` (skipped: ${missing})` : ''}`, () => {
  it.skipIf(missing).each(Object.entries(FILES))('leaves the same for wg in %s', (_, text) => {
    const stripped = parseConfig(strip(text)).config;
    const ours = withoutQuickKeys(parseConfig(text).config);
    expect(plain({ config: stripped, warnings: [] })).toEqual(
      plain({ config: ours, warnings: [] }),
    );
  });
});
