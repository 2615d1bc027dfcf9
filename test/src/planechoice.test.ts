import { afterEach, describe, expect, it, vi } from 'vitest';
import { choosePlane, defaultPlane } from '../../src/dataplane/choice.js';
import { whyNoNativeLibrary } from '../native/library.js';

const native = whyNoNativeLibrary === undefined ? it : it.skip;
const name = (text: string): string =>
  whyNoNativeLibrary === undefined ? text : `${text} (skipped: ${whyNoNativeLibrary})`;

describe('the choice of the data plane', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('follows what was asked for, by option before the environment', () => {
    vi.stubEnv('WG_TS_DATAPLANE', 'portable');
    expect(choosePlane({}, false)).toEqual({ native: undefined, fallback: undefined });
    vi.stubEnv('WG_TS_DATAPLANE', 'native');
    expect(choosePlane({ dataPlane: 'portable' }, false).native).toBeUndefined();
  });

  native(name('takes the native one by itself, but not for a device of the caller’s'), () => {
    vi.stubEnv('WG_TS_DATAPLANE', '');
    expect(choosePlane({}, false).native).toBeDefined();
    expect(choosePlane({}, true).native).toBeUndefined();
    expect(choosePlane({ dataPlane: 'native' }, true).native?.workers).toBe(1);
    expect(defaultPlane()).toEqual({ name: 'native' });
  });

  native(name('has as many workers as asked for'), () => {
    expect(choosePlane({ dataPlane: 'native', workers: 3 }, false).native?.workers).toBe(3);
    vi.stubEnv('WG_TS_WORKERS', '5');
    expect(choosePlane({ dataPlane: 'native' }, false).native?.workers).toBe(5);
    vi.stubEnv('WG_TS_WORKERS', '');
    const { workers = 0 } = choosePlane({ dataPlane: 'native' }, false).native ?? {};
    expect(workers).toBeGreaterThanOrEqual(1);
    expect(workers).toBeLessThanOrEqual(4);
  });

  native(name('leaves off what it is told to'), () => {
    vi.stubEnv('WG_TS_NATIVE_WITHOUT', 'tso,udp-gro');
    const { without } = choosePlane({ dataPlane: 'native' }, false).native ?? {};
    expect([...(without ?? [])]).toEqual(['tso', 'udp-gro']);
  });

  it.each([
    ['WG_TS_DATAPLANE', 'fast', /WG_TS_DATAPLANE is "fast"/],
    ['WG_TS_WORKERS', '0', /0 is not a valid number of workers/],
    ['WG_TS_WORKERS', '17', /17 is not a valid number of workers/],
    ['WG_TS_WORKERS', 'many', /many is not a valid number of workers/],
    ['WG_TS_NATIVE_WITHOUT', 'tso,speed', /WG_TS_NATIVE_WITHOUT has "speed"/],
  ])('refuses %s=%s', (variable, value, message) => {
    vi.stubEnv(variable, value);
    const options = variable === 'WG_TS_DATAPLANE' ? {} : { dataPlane: 'native' as const };
    expect(() => choosePlane(options, false)).toThrow(
      expect.objectContaining({ code: 'ERR_USAGE', message: expect.stringMatching(message) }),
    );
  });
});

describe('without a native library', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.resetModules();
  });

  const fresh = async () => {
    vi.resetModules();
    vi.stubEnv('WG_TS_NATIVE_LIBRARY', '/nonexistent/libwgts.so');
    return await import('../../src/dataplane/choice.js');
  };

  it('the portable plane runs, and it is said why', async () => {
    vi.stubEnv('WG_TS_DATAPLANE', '');
    const planes = await fresh();
    const { native, fallback } = planes.choosePlane({}, false);
    expect(native).toBeUndefined();
    expect(fallback).toMatch(/^cannot load \/nonexistent\/libwgts\.so: /);
    expect(planes.defaultPlane()).toEqual({ name: 'portable', why: fallback });
  });

  it('a request for the native plane is refused, with what to do', async () => {
    const planes = await fresh();
    expect(() => planes.choosePlane({ dataPlane: 'native' }, false)).toThrow(
      expect.objectContaining({
        code: 'ERR_UNSUPPORTED',
        message: expect.stringMatching(/^no native data plane: cannot load /),
        hint: expect.stringContaining('portable'),
      }),
    );
  });
});
