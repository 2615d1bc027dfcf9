import { createRequire } from 'node:module';
import type { CryptoNames } from '../crypto/providers.js';
import { packageVersion } from './packageversion.js';

/** What runs here. */
export interface Versions {
  /** Of this package. */
  readonly wgTs: string;
  /** Of Node.js. */
  readonly node: string;
  /** Which library stands behind each primitive. */
  readonly crypto: CryptoNames;
  /** Which data plane an interface of the system's would get: `native` or `portable`. */
  readonly dataPlane: string;
  /** Why that is not the native one, in one line; undefined when it is. */
  readonly whyPortable: string | undefined;
  /** Undefined when it cannot be loaded on this machine: then there are no network interfaces. */
  readonly koffi: string | undefined;
}

/** Loads what it tells of, the native library included; never rejects. */
export async function versions(): Promise<Versions> {
  const [{ cryptoNames }, { fastestProviders }, { defaultPlane }] = await Promise.all([
    import('../crypto/providers.js'),
    import('../native/providers.js'),
    import('./dataplane/choice.js'),
  ]);
  const { name, why } = defaultPlane();
  return {
    wgTs: packageVersion(),
    node: process.versions.node,
    crypto: cryptoNames(fastestProviders()),
    dataPlane: name,
    whyPortable: why,
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
