import { describe, expect, it } from 'vitest';
import { findPeers, firstAddress } from '../../src/control/endpoints/candidates.js';
import type { Resolver } from '../../src/control/endpoints/resolve.js';
import { configOf, newKeys } from '../src/support.js';

const [OURS, THEIRS] = [newKeys(), newKeys()];

const known: Readonly<Record<string, readonly string[]>> = {
  'both.example': ['2001:db8::1', '192.0.2.1'],
  'b.example': ['192.0.2.2'],
};

const resolver: Resolver = async (host) => {
  const addresses = known[host];
  if (addresses) return addresses;
  if (host === 'slow.example') return await new Promise(() => undefined);
  throw Object.assign(new Error(host), { code: host.startsWith('no') ? 'ENOTFOUND' : 'EAI_AGAIN' });
};

async function find(endpoints: string) {
  const lines = [`PublicKey = ${THEIRS.publicKey}`, `Endpoint = ${endpoints}`];
  const { peers } = configOf(OURS.privateKey, [], lines, [`PublicKey = ${newKeys().publicKey}`]);
  const found = await findPeers(peers, { resolver });
  expect(found.size).toBe(1);
  const [peer] = found.values();
  return peer;
}

describe('findPeers', () => {
  it('takes all addresses of a name', async () => {
    const peer = await find('both.example:5');
    expect(peer?.addresses).toEqual([
      [
        { address: '2001:db8::1', port: 5 },
        { address: '192.0.2.1', port: 5 },
      ],
    ]);
    expect(firstAddress(peer)).toEqual({ address: '2001:db8::1', port: 5 });
  });

  it.each(['no.example', 'down.example', 'slow.example'])(
    'does without %s when another endpoint is known',
    async (host) => {
      const peer = await find(`${host}:1, b.example:2`);
      expect(peer?.addresses).toEqual([[], [{ address: '192.0.2.2', port: 2 }]]);
      expect(firstAddress(peer)).toEqual({ address: '192.0.2.2', port: 2 });
    },
  );

  it('fails with the preferred endpoint when none is known', async () => {
    await expect(find('no-a.example:1, no-b.example:2')).rejects.toMatchObject({
      code: 'ERR_RESOLVE',
      message: expect.stringContaining('no-a.example'),
    });
  });

  it('ends with the reason of the signal', async () => {
    const controller = new AbortController();
    const lines = [`PublicKey = ${THEIRS.publicKey}`, 'Endpoint = slow.example:1, down.example:2'];
    const { peers } = configOf(OURS.privateKey, [], lines);
    const found = findPeers(peers, { resolver, signal: controller.signal });
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(found).rejects.toBe(reason);
  });
});
