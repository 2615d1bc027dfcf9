/** The package in a fresh folder, as npm installs it, under each Node that it shall run with. */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { NodeName } from './setup.js';
import { describeInstalled, exampleNames, Project } from './support.js';

interface Compared {
  readonly entry: string;
  readonly names: readonly string[];
  readonly different: readonly string[];
}

const VERSION = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    readonly version: string;
  }
).version;

/** What comes before the 32 bytes of the key (RFC 8410). */
const PKCS8_X25519 = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** By node's own cryptography. Both base64. */
function publicKeyOfText(privateKey: string): string {
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8_X25519, Buffer.from(privateKey, 'base64')]),
    format: 'der',
    type: 'pkcs8',
  });
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return spki.subarray(-32).toString('base64');
}

describeInstalled('the package in a fresh folder', () => {
  describe.each<[string, readonly NodeName[], readonly string[]]>([
    ['', ['this', 'oldest', 'newest'], []],
    [' without install scripts', ['this'], ['--ignore-scripts']],
  ])('installed%s', (_, nodes, options) => {
    let project: Project;
    beforeAll(async () => {
      project = await Project.create(options);
    }, 600_000);

    describe.each(nodes)('under %s Node', (node) => {
      it.each(['native', 'portable'] as const)(
        'moves packets by the %s data plane',
        async (plane) => {
          const outcome = JSON.parse(
            await project.mustRun(node, `node programs/echo.mjs ${plane}`),
          );
          expect(outcome).toMatchObject({
            versions: {
              wgTs: VERSION,
              dataPlane: 'native',
              crypto: { x25519: 'OpenSSL in node', aead: 'OpenSSL in node' },
            },
            planes: [plane, plane],
            role: 'initiator',
            arrived: ['there', 'back'],
          });
        },
      );

      it('gives require() what it gives import', async () => {
        const compared = JSON.parse(await project.mustRun(node, 'node programs/require.cjs'));
        for (const { entry, names, different } of compared as Compared[]) {
          expect(names.length, entry).toBeGreaterThan(5);
          expect(different, entry).toEqual([]);
        }
      });

      it('prints its version', async () => {
        const told = await project.mustRun(node, 'npx --no-install wg-ts version');
        expect(told).toContain(`wg-ts ${VERSION}\n`);
        expect(told).toMatch(/^data plane: native$/m);
        const version = await project.mustRun(node, 'node --version');
        expect(told).toContain(`node: ${version.trim().slice(1)}\n`);
      });

      it('makes keys', async () => {
        const keys = 'npx --no-install wg-ts genkey | tee home/key | npx --no-install wg-ts pubkey';
        const told = await project.mustRun(node, `umask 077; ${keys}`);
        const privateKey = readFileSync(join(project.folder, 'home/key'), 'utf8').trim();
        expect(told.trim()).toBe(publicKeyOfText(privateKey));
      });

      it('checks a configuration', async () => {
        await project.mustRun(node, 'npx --no-install wg-ts check configs/office.conf');
        const check = 'echo Peer > home/wrong.conf; npx --no-install wg-ts check home/wrong.conf';
        const wrong = await project.run(node, check);
        expect(wrong.code).toBe(2);
        expect(wrong.stderr).toMatch(/^error: home\/wrong\.conf:1:1: /m);
      });

      it('shows its demo', async () => {
        await project.mustRun(node, 'npx --no-install wg-ts demo --no-root');
      });

      it.each(exampleNames())('runs the example %s', async (name) => {
        expect(await project.mustRun(node, `node examples/${name}`)).not.toBe('');
      });
    });
  });
});
