import { createRequire } from 'node:module';
import type { CryptoNames } from '../crypto/providers.js';
import { packageVersion } from './packageversion.js';

/** Versions and implementations in use. */
export interface Versions {
  /** Version of this package. */
  readonly wgTs: string;
  /** Version of Node.js. */
  readonly node: string;
  /** Which library implements each primitive. */
  readonly crypto: CryptoNames;
  /** Which data plane a system interface would get: `native` or `portable`. */
  readonly dataPlane: string;
  /** Why that is not the native one, in one line; undefined when it is. */
  readonly whyPortable: string | undefined;
  /**
   * Version of koffi. Undefined when it cannot be loaded on this machine: then there are no network
   * interfaces.
   */
  readonly koffi: string | undefined;
}

/** Loads everything it reports on, including the native library; never rejects. */
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
