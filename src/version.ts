import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type CryptoNames, cryptoNames } from '../crypto/providers.js';
import { fastestProviders } from '../native/providers.js';

export interface Versions {
  readonly wgTs: string;
  readonly node: string;
  readonly crypto: CryptoNames;
  readonly dataPlane: string;
  /** Undefined when it cannot be loaded on this machine: then there are no network interfaces. */
  readonly koffi: string | undefined;
}

export function versions(): Versions {
  return {
    wgTs: packageVersion(),
    node: process.versions.node,
    crypto: cryptoNames(fastestProviders()),
    dataPlane: 'portable',
    koffi: koffiVersion(),
  };
}

/** Of package.json, which lies above both `src` and `dist/src`. */
export function packageVersion(): string {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      const text = readFileSync(new URL(path, import.meta.url), 'utf8');
      const { name, version } = JSON.parse(text) as { name?: string; version?: string };
      if (name === 'wg-ts' && version !== undefined) return version;
    } catch {
      // Not this one.
    }
  }
  return 'unknown';
}

function koffiVersion(): string | undefined {
  try {
    return (createRequire(import.meta.url)('koffi') as typeof import('koffi')).version;
  } catch {
    return undefined;
  }
}
