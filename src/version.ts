import { createRequire } from 'node:module';
import { type CryptoNames, cryptoNames } from '../crypto/providers.js';
import { fastestProviders } from '../native/providers.js';
import { defaultPlaneName } from './planechoice.js';
import { packageVersion } from './runtime/packageversion.js';

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
    dataPlane: defaultPlaneName(),
    koffi: koffiVersion(),
  };
}

function koffiVersion(): string | undefined {
  try {
    return (createRequire(import.meta.url)('koffi') as typeof import('koffi')).version;
  } catch {
    return undefined;
  }
}
