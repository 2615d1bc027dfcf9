/** Each function of wintun.dll, with its success and its documented failures. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { systemLibrary } from '../../../system/windows/libraries.js';
import { Win32Error } from '../../../system/windows/win32.js';
import { TunError } from '../../../tun/errors.js';
import {
  deleteDriver,
  enumerateAdapters,
  runningDriverVersion,
  WintunAdapter,
} from '../../../tun/windows/wintun/adapter.js';
import {
  WINTUN_MAX_IP_PACKET_SIZE,
  WINTUN_MAX_RING_CAPACITY,
  WINTUN_MIN_RING_CAPACITY,
} from '../../../tun/windows/wintun/constants.js';
import { WintunError } from '../../../tun/windows/wintun/errors.js';
import { adapterGuid } from '../../../tun/windows/wintun/guid.js';
import { applicationFolder, loadWintun } from '../../../tun/windows/wintun/library.js';
import { setWintunLogger, type WintunLogEntry } from '../../../tun/windows/wintun/logger.js';
import { waitFor } from '../../support/waiting.js';
import { doublePath, FarEnd, WintunDouble } from '../support/wintundouble.js';

const double = new WintunDouble();
const wintun = loadWintun(double.path);
const NAME = 'OfficeNet';
const {
  ERROR_ACCESS_DENIED,
  ERROR_ALREADY_EXISTS,
  ERROR_BUFFER_OVERFLOW,
  ERROR_FILE_NOT_FOUND,
  ERROR_GEN_FAILURE,
  ERROR_HANDLE_EOF,
  ERROR_INVALID_DATA,
  ERROR_INVALID_PARAMETER,
  ERROR_NOT_FOUND,
} = Win32Error;

const opened: { close(): void }[] = [];
afterEach(() => {
  for (const one of opened.splice(0).reverse()) one.close();
});

function create(name = NAME, type = 'wg-ts', guid?: Uint8Array): WintunAdapter {
  const adapter = WintunAdapter.create(wintun, name, type, guid);
  opened.push(adapter);
  return adapter;
}

function failureOf(work: () => unknown): WintunError {
  try {
    work();
  } catch (error) {
    if (error instanceof WintunError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

function expectFailure(work: () => unknown, name: string, code: number): WintunError {
  const error = failureOf(work);
  expect(error).toBeInstanceOf(TunError);
  expect(error).toMatchObject({ function: name, windowsCode: code });
  expect(error.message).toContain(`${name} failed with ERROR_`);
  expect(error.message).toContain(`(${code})`);
  return error;
}

describe('WintunCreateAdapter', () => {
  it('makes an adapter of a name and a GUID', () => {
    const guid = adapterGuid('office');
    const adapter = create(NAME, 'wg-ts', guid);
    expect(adapter.isOpen).toBe(true);
    expect(double.guid(NAME)).toEqual(guid);
  });

  it('lets the system choose a GUID', () => {
    create();
    expect(double.guid(NAME)).not.toEqual(new Uint8Array(16));
  });

  it('makes several at once', () => {
    const names = ['OfficeNet', 'HomeNet', 'Data Center'];
    const luids = names.map((name) => create(name, 'wg-ts', adapterGuid(name)).luid());
    expect(new Set(luids).size).toBe(3);
  });

  it.each([
    [ERROR_ACCESS_DENIED, 'ERR_NOT_ROOT', 'run it as administrator, in an elevated prompt'],
    [ERROR_ALREADY_EXISTS, 'ERR_INTERFACE_EXISTS', 'already exists'],
    [ERROR_GEN_FAILURE, 'ERR_TUN', 'wg-ts wintun status'],
  ])('fails with %i as %s', (windowsCode, code, advice) => {
    double.fail('WintunCreateAdapter', windowsCode);
    const error = expectFailure(() => create(), 'WintunCreateAdapter', windowsCode);
    expect(error.code).toBe(code);
    expect(error.message).toContain(advice);
  });

  it('does not make a second one of a name or a GUID', () => {
    create(NAME, 'wg-ts', adapterGuid('a'));
    expectFailure(() => create(), 'WintunCreateAdapter', ERROR_ALREADY_EXISTS);
    const again = () => create('HomeNet', 'wg-ts', adapterGuid('a'));
    expectFailure(again, 'WintunCreateAdapter', ERROR_ALREADY_EXISTS);
  });

  it.each(['', 'n'.repeat(128), 'a\0b'])('does not take the name %j', (name) => {
    const before = double.calls('WintunCreateAdapter');
    expect(() => create(name)).toThrow('1 to 127 characters');
    expect(() => create(NAME, name)).toThrow('1 to 127 characters');
    expect(double.calls('WintunCreateAdapter')).toBe(before);
  });

  it('takes names of 127 characters, in any script', () => {
    for (const name of ['n'.repeat(127), 'Büro 事務所 🏢']) {
      create(name);
      expect(WintunAdapter.open(wintun, name).isOpen).toBe(true);
    }
  });
});

describe('WintunOpenAdapter', () => {
  it('opens what is there, and leaves it there', () => {
    const luid = create().luid();
    const again = WintunAdapter.open(wintun, NAME);
    expect(again.luid()).toBe(luid);
    again.close();
    expect(WintunAdapter.open(wintun, NAME).luid()).toBe(luid);
  });

  it('fails without one of the name, and without the right', () => {
    const open = () => WintunAdapter.open(wintun, 'nowhere');
    expectFailure(open, 'WintunOpenAdapter', ERROR_NOT_FOUND);
    double.fail('WintunOpenAdapter', ERROR_ACCESS_DENIED);
    expect(expectFailure(open, 'WintunOpenAdapter', ERROR_ACCESS_DENIED).code).toBe('ERR_NOT_ROOT');
  });
});

describe('WintunCloseAdapter', () => {
  it('removes what was created, once', () => {
    const adapter = create();
    const before = double.calls('WintunCloseAdapter');
    adapter.close();
    adapter.close();
    expect(double.calls('WintunCloseAdapter')).toBe(before + 1);
    expect(() => WintunAdapter.open(wintun, NAME)).toThrow('no adapter');
  });

  it('comes after the end of the session', () => {
    const adapter = create();
    const session = adapter.startSession(WINTUN_MIN_RING_CAPACITY);
    adapter.close();
    expect(session.isActive).toBe(false);
  });

  it('leaves nothing to be used', () => {
    const adapter = create();
    adapter.close();
    expect(() => adapter.luid()).toThrow('closed');
    expect(() => adapter.startSession(WINTUN_MIN_RING_CAPACITY)).toThrow('closed');
  });
});

describe('WintunDeleteDriver', () => {
  it('removes the driver that nobody uses', () => {
    create().close();
    expect(runningDriverVersion(wintun)).toBe('0.14');
    deleteDriver(wintun);
    expect(runningDriverVersion(wintun)).toBeUndefined();
  });

  it('fails while there is an adapter, and without the right', () => {
    create();
    expect(failureOf(() => deleteDriver(wintun)).function).toBe('WintunDeleteDriver');
    double.fail('WintunDeleteDriver', ERROR_ACCESS_DENIED);
    expectFailure(() => deleteDriver(wintun), 'WintunDeleteDriver', ERROR_ACCESS_DENIED);
  });
});

describe('WintunGetAdapterLUID', () => {
  it('returns the LUID, of the type of virtual interfaces', () => {
    expect(create().luid() >> 48n).toBe(53n);
  });
});

describe('WintunGetRunningDriverVersion', () => {
  it('returns the version', () => {
    create();
    expect(runningDriverVersion(wintun)).toBe('0.14');
  });

  it('tells a missing driver from a failure', () => {
    double.unloadDriver();
    expect(runningDriverVersion(wintun)).toBeUndefined();
    double.fail('WintunGetRunningDriverVersion', ERROR_ACCESS_DENIED);
    const work = () => runningDriverVersion(wintun);
    expectFailure(work, 'WintunGetRunningDriverVersion', ERROR_ACCESS_DENIED);
    double.fail('WintunGetRunningDriverVersion', ERROR_FILE_NOT_FOUND);
    expect(work()).toBeUndefined();
  });
});

const native = join(applicationFolder(), 'wgts.dll');

describe.each([
  { by: 'the queue of the native library', queue: native },
  { by: 'a callback', queue: null },
])('WintunSetLogger by $by', ({ queue }) => {
  it('gets what the DLL says, with level, time and text', async () => {
    const entries: WintunLogEntry[] = [];
    const end = setWintunLogger(wintun, (entry) => entries.push(entry), { queue });
    const before = Date.now();
    create();
    await waitFor(() => expect(entries).toHaveLength(1));
    expect(entries[0]).toMatchObject({ level: 'info', text: 'Creating adapter' });
    expect(Math.abs((entries[0] as WintunLogEntry).time.getTime() - before)).toBeLessThan(2000);
    end();
    create('HomeNet').close();
    await sleep(150);
    expect(entries).toHaveLength(1);
  });

  it('gets messages from many threads at once', async () => {
    const entries: WintunLogEntry[] = [];
    const end = setWintunLogger(wintun, (entry) => entries.push(entry), { queue });
    double.log(24);
    await waitFor(() => expect(entries).toHaveLength(24));
    const texts = entries.map(({ text }) => text).sort();
    expect(texts).toEqual(Array.from({ length: 24 }, (_, i) => `message ${i}`).sort());
    expect(new Set(entries.map(({ level }) => level))).toEqual(new Set(['info', 'warn', 'error']));
    end();
  });

  it('survives a logger that throws', async () => {
    let count = 0;
    const throwing = () => {
      count++;
      throw new Error('no room');
    };
    const end = setWintunLogger(wintun, throwing, { queue });
    double.log(2);
    create();
    await waitFor(() => expect(count).toBe(3));
    end();
  });
});

describe('the queue of WintunSetLogger', () => {
  it('lets no thread of the driver’s wait, however long JavaScript is busy', async () => {
    const entries: WintunLogEntry[] = [];
    const end = setWintunLogger(wintun, (entry) => entries.push(entry), { queue: native });
    const before = double.logged();
    double.log(80);
    const busyUntil = performance.now() + 3000;
    while (double.logged() < before + 80 && performance.now() < busyUntil);
    expect(double.logged()).toBe(before + 80);
    expect(entries).toEqual([]);
    await waitFor(() => expect(entries).toHaveLength(64));
    double.log(1);
    await waitFor(() => expect(entries).toHaveLength(65));
    expect(entries.at(-1)?.text).toBe('message 0 (16 messages before it were lost)');
    end();
  });
});

describe('WintunStartSession', () => {
  it.each([WINTUN_MIN_RING_CAPACITY, 0x400000, WINTUN_MAX_RING_CAPACITY])(
    'has rings of %i bytes',
    (capacity) => {
      expect(create().startSession(capacity).isActive).toBe(true);
      expect(double.ringBytes(NAME)).toBe(capacity);
    },
  );

  it.each([
    0,
    WINTUN_MIN_RING_CAPACITY / 2,
    WINTUN_MIN_RING_CAPACITY + 1,
    WINTUN_MIN_RING_CAPACITY * 3,
    WINTUN_MAX_RING_CAPACITY * 2,
    Number.NaN,
  ])('does not take %d bytes', (capacity) => {
    const adapter = create();
    const before = double.calls('WintunStartSession');
    expect(() => adapter.startSession(capacity)).toThrow(RangeError);
    expect(double.calls('WintunStartSession')).toBe(before);
  });

  it('fails as the DLL says, and only one at a time', () => {
    const adapter = create();
    double.fail('WintunStartSession', ERROR_INVALID_PARAMETER);
    const start = () => adapter.startSession(WINTUN_MIN_RING_CAPACITY);
    expectFailure(start, 'WintunStartSession', ERROR_INVALID_PARAMETER);
    start();
    expect(start).toThrow('already has a session');
  });
});

describe('WintunEndSession', () => {
  it('ends it, once, and leaves nothing to be used', () => {
    const adapter = create();
    const session = adapter.startSession(WINTUN_MIN_RING_CAPACITY);
    const before = double.calls('WintunEndSession');
    session.end();
    session.end();
    expect(double.calls('WintunEndSession')).toBe(before + 1);
    const room = new Uint8Array(WINTUN_MAX_IP_PACKET_SIZE);
    expect(() => session.receive(room)).toThrow('has ended');
    expect(() => session.send(room)).toThrow('has ended');
    expect(() => session.readWaitEvent()).toThrow('has ended');
    expect(adapter.startSession(WINTUN_MIN_RING_CAPACITY).isActive).toBe(true);
  });
});

describe('packets', () => {
  const room = new Uint8Array(WINTUN_MAX_IP_PACKET_SIZE);
  const wait = systemLibrary('kernel32.dll').func(
    'uint32_t __stdcall WaitForSingleObject(uintptr_t event, uint32_t milliseconds)',
  ) as (event: number, milliseconds: number) => number;
  const WAIT_OBJECT_0 = 0;
  const WAIT_TIMEOUT = 258;

  async function open(capacity = WINTUN_MIN_RING_CAPACITY) {
    const session = create().startSession(capacity);
    const far = await FarEnd.open(double, NAME);
    opened.push(far);
    return { session, far };
  }

  it('come by WintunReceivePacket and are released', async () => {
    const { session, far } = await open();
    expect(session.receive(room)).toBe(0);
    for (const size of [20, 1420, 60_000]) {
      far.inject(new Uint8Array(size).fill(size % 251));
      await waitFor(() => expect(double.counters(NAME).putPackets).toBeGreaterThan(0));
      await waitFor(() => expect(session.receive(room)).toBe(size));
      expect([...room.subarray(0, size)].every((byte) => byte === size % 251)).toBe(true);
    }
    const { receivedPackets, releasedPackets } = double.counters(NAME);
    expect([receivedPackets, releasedPackets]).toEqual([3, 3]);
  });

  it('signal WintunGetReadWaitEvent', async () => {
    const { session, far } = await open();
    const event = session.readWaitEvent();
    expect(session.receive(room)).toBe(0);
    expect(wait(event, 0)).toBe(WAIT_TIMEOUT);
    far.inject(new Uint8Array(20));
    await sleep(100);
    expect(wait(event, 2000)).toBe(WAIT_OBJECT_0);
    expect(session.receive(room)).toBe(20);
  });

  it.each([
    [ERROR_HANDLE_EOF, 'the adapter is gone'],
    [ERROR_INVALID_DATA, 'the ring is corrupt'],
  ])('cannot be received with %i', async (code, text) => {
    const { session } = await open();
    double.fail('WintunReceivePacket', code);
    const error = expectFailure(() => session.receive(room), 'WintunReceivePacket', code);
    expect(error.message).toContain(text);
  });

  it('go by WintunAllocateSendPacket and WintunSendPacket, in order', async () => {
    const { session, far } = await open();
    const sizes = [1, 20, 1420, 65_000];
    for (const size of sizes)
      expect(session.send(new Uint8Array(size).fill(size % 251))).toBe(true);
    await waitFor(() => expect(far.received).toHaveLength(sizes.length));
    expect(far.received.map(({ length }) => length)).toEqual(sizes);
    expect(far.received.every((packet) => packet.every((b) => b === packet.length % 251))).toBe(
      true,
    );
  });

  it('are dropped and counted when the ring is full', async () => {
    const { session, far } = await open();
    double.pause(NAME, 1);
    const packet = new Uint8Array(60_000);
    expect([1, 2, 3].map(() => session.send(packet))).toEqual([true, true, false]);
    expect(session.dropped).toBe(1);
    expect(double.counters(NAME).sendFull).toBe(1);
    double.pause(NAME, 0);
    expect(session.send(packet)).toBe(true);
    await waitFor(() => expect(far.received).toHaveLength(3));
  });

  it('cannot be sent when the adapter is gone', async () => {
    const { session } = await open();
    double.tear(NAME);
    const send = () => session.send(new Uint8Array(20));
    expectFailure(send, 'WintunAllocateSendPacket', ERROR_HANDLE_EOF);
    expectFailure(() => session.receive(room), 'WintunReceivePacket', ERROR_HANDLE_EOF);
    double.fail('WintunAllocateSendPacket', ERROR_BUFFER_OVERFLOW);
    expect(send()).toBe(false);
  });

  it('have a size that fits', async () => {
    const { session } = await open();
    expect(() => session.send(new Uint8Array(0))).toThrow(RangeError);
    expect(() => session.send(new Uint8Array(WINTUN_MAX_IP_PACKET_SIZE + 1))).toThrow(RangeError);
    expect(() => session.receive(new Uint8Array(1500))).toThrow(RangeError);
  });

  it('go round the ring many times', async () => {
    const { session } = await open();
    double.sink(NAME);
    const packet = new Uint8Array(1420);
    for (let i = 0; i < 2000; i++) expect(session.send(packet)).toBe(true);
    double.flood(NAME, packet);
    for (let i = 0; i < 2000; i++) expect(session.receive(room)).toBe(packet.length);
    double.flood(NAME, null);
  });
});

describe('WintunEnumAdapters', () => {
  it('is not in 0.14', () => {
    expect(() => enumerateAdapters(wintun, 'wg-ts', () => true)).toThrow('only up to version 0.13');
  });

  it('visits the adapters of a pool, for as long as the callback wants', () => {
    const older = loadWintun(doublePath('wintun-0.13'));
    const adapters = ['a', 'b', 'c'].map((name) => WintunAdapter.create(older, name, 'Pool'));
    const other = WintunAdapter.create(older, 'd', 'Other');
    const luids = adapters.map((adapter) => adapter.luid());
    const visited: bigint[] = [];
    enumerateAdapters(older, 'Pool', (luid) => visited.push(luid) > 0);
    expect(visited.sort()).toEqual(luids.sort());
    const first: bigint[] = [];
    enumerateAdapters(older, 'Pool', (luid) => first.push(luid) > 1);
    expect(first).toHaveLength(1);
    const fail = () =>
      enumerateAdapters(older, 'Pool', () => {
        throw new Error('enough');
      });
    expect(fail).toThrow('enough');
    for (const adapter of [...adapters, other]) adapter.close();
  });

  it('fails as the DLL says', () => {
    const older = new WintunDouble(doublePath('wintun-0.13'));
    older.fail('WintunEnumAdapters', ERROR_ACCESS_DENIED);
    const work = () => enumerateAdapters(loadWintun(older.path), 'Pool', () => true);
    expectFailure(work, 'WintunEnumAdapters', ERROR_ACCESS_DENIED);
  });
});
