/** Checks the components of the program itself. */
import { cryptoNames } from '../../crypto/providers.js';
import { passesAead, passesX25519 } from '../../crypto/selftest.js';
import { fastestProviders } from '../../native/providers.js';
import { choosePlane } from '../../src/dataplane/choice.js';
import { versions } from '../../src/version.js';
import { WgTsError } from '../../system/errors.js';
import { type Check, failed, ok, skipped } from './check.js';

const OLDEST_NODE = [20, 19] as const;

export const CRYPTOGRAPHY = 'cryptography';
export const KOFFI = 'calls of the system (koffi)';
export const NATIVE = 'native data plane';

export const programChecks: readonly Check[] = [
  { name: 'Node.js', run: () => checkNode(process.versions.node) },
  {
    name: CRYPTOGRAPHY,
    run() {
      const providers = fastestProviders();
      const { x25519, aead } = cryptoNames(providers);
      if (!passesX25519(providers.x25519)) return failed(`X25519 of ${x25519} gives wrong results`);
      if (!passesAead(providers.aead))
        return failed(`ChaCha20-Poly1305 of ${aead} gives wrong results`);
      return ok(`X25519: ${x25519}; ChaCha20-Poly1305: ${aead}`);
    },
  },
  {
    name: KOFFI,
    async run() {
      const { koffi } = await versions();
      if (koffi !== undefined) return ok(koffi);
      const machine = `${process.platform}-${process.arch}`;
      return failed(
        `there is no koffi for ${machine}`,
        'install wg-ts with npm on this machine, including optional dependencies',
      );
    },
  },
  {
    name: NATIVE,
    needs: [KOFFI],
    run() {
      try {
        const { native } = choosePlane({ dataPlane: 'native' }, false);
        const crypto = native?.library.selectCrypto(0);
        return ok(`ABI ${native?.library.abiVersion()}, ${native?.workers} workers, ${crypto}`);
      } catch (error) {
        if (!(error instanceof WgTsError)) throw error;
        // Tunnels work without it.
        return skipped(error.message, 'tunnels use the portable data plane, which is slower');
      }
    },
  },
];

export function checkNode(version: string): ReturnType<Check['run']> {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor))
    return ok(`${version} for ${process.platform}-${process.arch}`);
  return failed(`${version} is too old`, `install Node.js ${OLDEST_NODE.join('.')} or newer`);
}
