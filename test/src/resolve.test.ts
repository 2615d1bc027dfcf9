import { beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type ResolveOptions,
  type Resolver,
  resolveAddresses,
  resolveEndpoint,
} from '../../src/control/endpoints/resolve.js';
import { WgTsError } from '../../system/errors.js';

const PORT = 51_820;

/** The pauses asked for, in milliseconds; each ends in the next turn of the event loop. */
const pauses: number[] = [];
const cancelled = vi.fn();
const clock: NonNullable<ResolveOptions['clock']> = {
  schedule(delay, wake) {
    pauses.push(delay);
    const immediate = setImmediate(wake);
    return {
      cancel() {
        clearImmediate(immediate);
        cancelled();
      },
    };
  },
};

const resolve = (host: string, options?: ResolveOptions) =>
  resolveEndpoint({ host, port: PORT }, { clock, ...options });

function failing(code: string, times = Number.POSITIVE_INFINITY) {
  let calls = 0;
  return vi.fn<Resolver>(async () => {
    if (calls++ < times) throw Object.assign(new Error(`getaddrinfo ${code}`), { code });
    return ['192.0.2.7'];
  });
}

describe('resolveEndpoint', () => {
  beforeEach(() => {
    pauses.length = 0;
    cancelled.mockReset();
  });

  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['2001:DB8:0::1', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1%eth0'],
    ['fe80:0::1%3', 'fe80::1%3'],
  ])('takes the literal %s without asking', async (host, address) => {
    const resolver = failing('ENOTFOUND');
    expect(await resolve(host, { resolver })).toEqual({ address, port: PORT });
    expect(resolver).not.toHaveBeenCalled();
  });

  it('takes the first address of a name, in canonical form', async () => {
    const resolver: Resolver = async (host) => [
      `no address of ${host}`,
      '2001:DB8::A',
      '192.0.2.1',
    ];
    expect(await resolve('vpn.example', { resolver })).toEqual({
      address: '2001:db8::a',
      port: PORT,
    });
  });

  it('takes all addresses of a name, each once, in their order', async () => {
    const resolver: Resolver = async () => ['2001:DB8::A', '192.0.2.1', 'x', '2001:db8:0::a'];
    expect(await resolveAddresses({ host: 'vpn.example', port: PORT }, { resolver })).toEqual([
      { address: '2001:db8::a', port: PORT },
      { address: '192.0.2.1', port: PORT },
    ]);
  });

  it('asks the system when there is no other resolver', async () => {
    expect((await resolve('localhost')).address).toMatch(/^(127\.0\.0\.1|::1)$/);
  });

  it('asks again, with growing pauses, while the name server does not answer', async () => {
    const resolver = failing('EAI_AGAIN', 3);
    const notes: string[] = [];
    const onRetry = (note: string) => notes.push(note);
    expect(await resolve('vpn.example', { resolver, onRetry })).toEqual({
      address: '192.0.2.7',
      port: PORT,
    });
    expect(pauses.map(Math.round)).toEqual([1000, 1200, 1440]);
    expect(notes).toEqual(
      ['1.0', '1.2', '1.4'].map((s) => `cannot resolve vpn.example yet: trying again in ${s} s`),
    );
  });

  it('gives up after 15 retries, the last ones 12.8 s apart', async () => {
    const resolver = failing('EAI_AGAIN');
    const failure = await resolve('vpn.example', { resolver }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(WgTsError);
    expect(failure).toMatchObject({
      code: 'ERR_RESOLVE',
      message: expect.stringContaining('the name server does not answer (EAI_AGAIN)'),
    });
    expect(resolver).toHaveBeenCalledTimes(16);
    expect(pauses).toHaveLength(15);
    expect(Math.round(pauses[14] ?? 0)).toBe(12_839);
  });

  it('never pauses for more than 20 s', async () => {
    await resolve('vpn.example', { resolver: failing('EAI_AGAIN', 40), retries: 50 });
    expect(Math.max(...pauses)).toBe(20_000);
  });

  it.each([0, 1, 4])('retries %i times when asked to', async (retries) => {
    const resolver = failing('EAI_AGAIN');
    await expect(resolve('vpn.example', { resolver, retries })).rejects.toThrow('vpn.example');
    expect(resolver).toHaveBeenCalledTimes(retries + 1);
  });

  it('asks again after an unknown failure', async () => {
    const resolver = failing('EAI_SYSTEM', 1);
    expect(await resolve('vpn.example', { resolver })).toMatchObject({ port: PORT });
  });

  it.each(['ENOTFOUND', 'ENODATA', 'EAI_FAIL'])('does not ask again after %s', async (code) => {
    const resolver = failing(code);
    await expect(resolve('vpn.example', { resolver })).rejects.toMatchObject({
      code: 'ERR_RESOLVE',
      message: expect.stringContaining(`vpn.example: no such name (${code})`),
    });
    expect(resolver).toHaveBeenCalledTimes(1);
  });

  it('takes an empty answer to mean no such name', async () => {
    await expect(resolve('vpn.example', { resolver: async () => [] })).rejects.toMatchObject({
      code: 'ERR_RESOLVE',
    });
  });

  describe('aborted', () => {
    const reason = new Error('enough');

    it('before it asks: sends no query', async () => {
      const resolver = failing('EAI_AGAIN');
      const { signal } = abortedController();
      await expect(resolve('vpn.example', { resolver, signal })).rejects.toBe(reason);
    });

    it('while a lookup hangs', async () => {
      const controller = new AbortController();
      const resolver: Resolver = () => new Promise(() => undefined);
      const pending = resolve('vpn.example', { resolver, signal: controller.signal });
      controller.abort(reason);
      await expect(pending).rejects.toBe(reason);
    });

    it('in a pause, which ends at once: with the reason of the signal', async () => {
      const controller = new AbortController();
      const resolver = failing('EAI_AGAIN');
      const onRetry = () => process.nextTick(() => controller.abort(reason));
      const { signal } = controller;
      await expect(resolve('vpn.example', { resolver, signal, onRetry })).rejects.toBe(reason);
      expect(resolver).toHaveBeenCalledTimes(1);
      expect(cancelled).toHaveBeenCalledTimes(1);
    });

    function abortedController(): AbortController {
      const controller = new AbortController();
      controller.abort(reason);
      return controller;
    }
  });
});
