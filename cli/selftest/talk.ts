/** Checks the interface for other programs, and the encryption of stored configurations. */
import { randomBytes } from 'node:crypto';
import { generatePrivateKey } from '../../src/keys.js';
import { queryUapi, uapiSocket } from '../../src/uapi/client.js';
import { zeroSecrets } from '../../src/uapi/codec.js';
import { serveUapi } from '../../src/uapi/server.js';
import { type Check, failed, type Outcome, ok, skipped } from './check.js';

const LISTEN_PORT = 51_820;
const DESCRIPTION = 'wg-ts selftest';

export function talkChecks(name: string, needs: readonly string[]): readonly Check[] {
  return [
    {
      name: process.platform === 'win32' ? 'pipe for wg' : 'socket for wg',
      needs,
      async run({ undo }) {
        const place = uapiSocket(name);
        const privateKey = generatePrivateKey();
        const device = { privateKey, listenPort: LISTEN_PORT, fwMark: 0, peers: [] };
        const server = await serveUapi(place, () => device);
        undo.push(place, async () => {
          await server.close();
          privateKey.zero();
        });
        const answer = await queryUapi(place);
        if (answer) zeroSecrets(answer);
        await server.close();
        if (answer?.listenPort !== LISTEN_PORT) return failed(`no answer from ${place}`);
        if (await queryUapi(place)) return failed(`${place} still answers after it was closed`);
        return ok(place);
      },
    },
    { name: 'encrypted by Windows (DPAPI)', run: checkDpapi },
  ];
}

async function checkDpapi(): Promise<Outcome> {
  if (process.platform !== 'win32') return skipped('only for Windows');
  const { protectData, unprotectData } = await import('../../system/windows/dpapi.js');
  const sample = randomBytes(32);
  const sealed = protectData(sample, DESCRIPTION);
  if (Buffer.from(sealed).includes(sample)) return failed('it is not encrypted');
  const { bytes, description } = unprotectData(sealed);
  const isSame = sample.equals(bytes) && description === DESCRIPTION;
  return isSame
    ? ok('encrypted data can be decrypted')
    : failed('encrypted data cannot be decrypted');
}
