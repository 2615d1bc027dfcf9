/** The stand-in for Wintun ends a process that breaks its contract: otherwise the other tests show little. */
import { beforeAll, describe, expect, it } from 'vitest';
import { type Ended, runScript } from '../support/children.js';
import { doublePath } from '../support/wintundouble.js';

const LIBRARY = new URL('../../../tun/windows/wintun/library.ts', import.meta.url).href;
const LIBRARIES = new URL('../../../system/windows/libraries.ts', import.meta.url).href;
const CAPACITY = 0x20000;

/** What a caller does with `w` (the functions), `a` (an adapter) and `s` (a session), and its end. */
const MISUSES: Readonly<Record<string, string>> = {
  'a packet released that was not received, or twice': `
    double.flood(new Uint8Array(20)); const p = w.WintunReceivePacket(s, size);
    w.WintunReleaseReceivePacket(s, p); w.WintunReleaseReceivePacket(s, p);`,
  'a packet sent that was not allocated, or twice': `
    const p = w.WintunAllocateSendPacket(s, 20); w.WintunSendPacket(s, p); w.WintunSendPacket(s, p);`,
  'a session used after its end': 'w.WintunEndSession(s); w.WintunReceivePacket(s, size);',
  'an adapter closed before its session was ended': 'w.WintunCloseAdapter(a);',
  'an adapter handle used after it was closed': `
    w.WintunEndSession(s); w.WintunCloseAdapter(a); w.WintunStartSession(a, ${CAPACITY});`,
  'a session ended with packets that were allocated and not sent': `
    w.WintunAllocateSendPacket(s, 20); w.WintunEndSession(s);`,
  'a session ended with received packets that were not released': `
    double.flood(new Uint8Array(20)); w.WintunReceivePacket(s, size); w.WintunEndSession(s);`,
  'the read-wait event was closed by the caller': `
    double.close(w.WintunGetReadWaitEvent(s)); w.WintunEndSession(s);`,
};

const script = (body: string): string => `
  import { koffi } from ${JSON.stringify(LIBRARIES)};
  import { loadWintun } from ${JSON.stringify(LIBRARY)};
  const path = ${JSON.stringify(doublePath('wintun'))};
  const w = loadWintun(path);
  const flood = koffi().load(path).func('void __stdcall DoubleFlood(const char16_t *name, void *packet, uint32_t size)');
  const close = koffi().load('kernel32.dll').func('int __stdcall CloseHandle(uintptr_t handle)');
  const double = { close, flood: (packet) => flood('a', packet, packet.length) };
  const size = new Uint8Array(4);
  const a = w.WintunCreateAdapter('a', 'wg-ts', null);
  const s = w.WintunStartSession(a, ${CAPACITY});
  ${body}
  process.exit(0);
`;

describe('the stand-in for Wintun', () => {
  const ends = new Map<string, Ended>();

  beforeAll(async () => {
    await Promise.all(
      Object.entries({ ...MISUSES, nothing: '' }).map(async ([what, body]) => {
        ends.set(what, await runScript(script(body)));
      }),
    );
  });

  it('accepts a caller that keeps to the contract', () => {
    expect(ends.get('nothing')).toEqual({ code: 0, output: '' });
  });

  it.each(Object.keys(MISUSES))('does not accept %s', (what) => {
    expect(ends.get(what)).toEqual({ code: 70, output: `wintun misused: ${what}\n` });
  });
});
