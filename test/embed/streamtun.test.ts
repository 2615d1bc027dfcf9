import { PassThrough, Readable } from 'node:stream';
import { ReadableStream, WritableStream } from 'node:stream/web';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it } from 'vitest';
import { MemoryTun } from '../../tun/memory.js';
import {
  asTun,
  type PacketStream,
  type StreamTun,
  tunFromStream,
} from '../../tun/stream/streamtun.js';
import { nextTurn } from '../src/support.js';
import { waitFor } from '../support/waiting.js';
import {
  closeAll,
  generated,
  HostDuplex,
  kept,
  numberOf,
  open,
  packet,
  tuns,
  upTo,
} from './streams.js';

afterEach(closeAll);

const sources: readonly (readonly [string, (count: number) => PacketStream])[] = [
  [
    'a Duplex',
    (count) => {
      const host = new HostDuplex();
      for (const i of upTo(count)) host.push(packet(i));
      return host;
    },
  ],
  ['a generator', (count) => ({ readable: generated(count), ...kept() })],
  ['a Readable', (count) => ({ readable: Readable.from(generated(count)), ...kept() })],
  [
    'a ReadableStream',
    (count) => ({
      readable: new ReadableStream<Uint8Array>({
        start(controller) {
          for (const i of upTo(count)) controller.enqueue(packet(i));
          controller.close();
        },
      }),
      writable: new WritableStream<Uint8Array>(),
    }),
  ],
];

describe.each(sources)('what %s gives', (_, make) => {
  it('goes into the tunnel in order, in batches of 64 at most, and nothing is lost', async () => {
    const { received, batches, errors, tun } = open(make(1000));
    await waitFor(() => expect(received).toHaveLength(1000));
    expect(received).toEqual(upTo(1000));
    expect(Math.max(...batches)).toBe(64);
    await nextTurn();
    expect([errors, tun.dropped]).toEqual([[], 0]);
  });
});

describe('the packets of the host', () => {
  it('beyond the capacity of a Duplex that heeds no mark are dropped, oldest first, and counted', async () => {
    const host = new HostDuplex();
    const { received, tun } = open(host, 100);
    for (const i of upTo(1000)) host.push(packet(i));
    await waitFor(() => expect(received.at(-1)).toBe(999));
    expect(received).toEqual(upTo(1000).slice(900));
    expect(tun.dropped).toBe(900);
  });

  it('may come forever without holding up anything else', async () => {
    const endless = (async function* (): AsyncGenerator<Uint8Array> {
      for (;;) yield packet(1);
    })();
    const { batches, tun } = open({ readable: endless, ...kept() });
    for (let i = 0; i < 10; i++) await nextTurn();
    expect(batches.length).toBeGreaterThan(3);
    expect(tun.dropped).toBe(0);
  });

  it('may be in one buffer that is used again', async () => {
    const readable = (async function* (): AsyncGenerator<Uint8Array> {
      const buffer = new Uint8Array(3);
      for (const i of upTo(10)) {
        buffer.set(packet(i));
        yield buffer;
      }
    })();
    const { received } = open({ readable, ...kept() });
    await waitFor(() => expect(received).toEqual(upTo(10)));
  });

  it('that are empty or too long are dropped, and the others go on', async () => {
    const host = new HostDuplex();
    const { received, tun, errors } = open(host);
    for (const bytes of [new Uint8Array(0), packet(1), new Uint8Array(65_536), packet(2)])
      host.push(bytes);
    await waitFor(() => expect(received).toEqual([1, 2]));
    expect([tun.dropped, errors]).toEqual([2, []]);
  });

  it('may come from another realm, as in some test runners', async () => {
    const host = new HostDuplex();
    const { received } = open(host);
    host.push(runInNewContext('Uint8Array.of(0x45, 0, 7)'));
    await waitFor(() => expect(received).toEqual([7]));
  });

  it('go on after one batch makes its receiver throw', async () => {
    const host = new HostDuplex();
    const tun = tunFromStream(host);
    tuns.push(tun);
    const received: number[] = [];
    const uncaught: unknown[] = [];
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => uncaught.push(error));
    try {
      tun.start(
        (packets) => {
          received.push(...packets.map(numberOf));
          if (received.length < 65) throw new Error('not borne');
        },
        () => undefined,
      );
      for (const i of upTo(100)) host.push(packet(i));
      await waitFor(() => expect(received).toEqual(upTo(100)));
      expect(uncaught).toEqual([new Error('not borne')]);
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const other of others) process.on('uncaughtException', other);
    }
  });

  it.each([
    ['a string', 'GET /', 'a string instead of a Uint8Array'],
    ['an array', [1, 2], '[object Array] instead of a Uint8Array'],
    ['an ArrayBuffer', new ArrayBuffer(4), '[object ArrayBuffer] instead of a Uint8Array'],
  ])('are an error when one is %s', async (_, chunk, what) => {
    const host = new HostDuplex();
    const readable = (async function* (): AsyncGenerator<Uint8Array> {
      yield packet(1);
      yield chunk as unknown as Uint8Array;
    })();
    const [duplex, generator] = [open(host), open({ readable, ...kept() })];
    host.push(packet(1));
    host.push(chunk);
    for (const { received, errors } of [duplex, generator]) {
      await waitFor(() => expect(errors).toHaveLength(1));
      expect(received).toEqual([1]);
      expect(errors[0]).toMatchObject({
        code: 'ERR_USAGE',
        message: `the packet stream gave ${what}`,
      });
    }
  });
});

describe('the packets for the host', () => {
  it.each(['node', 'web'])('are its own to keep (%s)', async (kind) => {
    const { writable, written } = kept();
    const web = new WritableStream<Uint8Array>({ write: (chunk) => void written.push(chunk) });
    const { tun } = open({ readable: generated(0), writable: kind === 'web' ? web : writable });
    const buffer = packet(1);
    expect(tun.write(buffer)).toBe(true);
    buffer.set(packet(2));
    expect(tun.write(buffer)).toBe(true);
    await waitFor(() => expect(written.map(numberOf)).toEqual([1, 2]));
  });

  it('that find the queue of a Duplex full are dropped and counted', async () => {
    const host = new HostDuplex();
    host.isStuck = true;
    const { tun } = open(host, 10);
    expect(upTo(15).map((i) => tun.write(packet(i)))).toEqual(upTo(15).map((i) => i < 10));
    expect(tun.dropped).toBe(5);
    host.goOn();
    await waitFor(() => expect(host.written.map(numberOf)).toEqual(upTo(10)));
    expect(tun.write(packet(20))).toBe(true);
  });

  it('that find the queue of a WritableStream full are dropped and counted', async () => {
    let goOn = (): void => undefined;
    const stuck = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const written: number[] = [];
    const writable = new WritableStream<Uint8Array>({
      async write(chunk) {
        await stuck;
        written.push(numberOf(chunk));
      },
    });
    const { tun } = open({ readable: generated(0), writable }, 10);
    expect(upTo(15).map((i) => tun.write(packet(i)))).toEqual(upTo(15).map((i) => i < 10));
    expect(tun.dropped).toBe(5);
    goOn();
    await waitFor(() => expect(written).toEqual(upTo(10)));
    expect(tun.write(packet(20))).toBe(true);
  });
});

describe('asTun', () => {
  it('takes an interface as it is', () => {
    const tun = new MemoryTun();
    expect(asTun(tun, 'office')).toBe(tun);
  });

  it('makes one from a stream, with its name', () => {
    for (const stream of [new HostDuplex(), { readable: generated(0), ...kept() }]) {
      const tun = asTun(stream, 'office') as StreamTun;
      tuns.push(tun);
      expect([tun.name, tun.dropped]).toEqual(['office', 0]);
    }
    const tun = asTun(new HostDuplex());
    expect(tun.name).toBe('stream');
    tun.close();
  });

  it.each([
    ['nothing', undefined],
    ['a text', 'tun0'],
    ['half of it', { readable: generated(0) }],
    ['an array to read', { readable: [packet(1)], ...kept() }],
    ['nothing to write to', { readable: generated(0), writable: {} }],
    ['a stream of bytes', new PassThrough()],
    ['a Writable of bytes', { readable: generated(0), writable: new PassThrough() }],
    [
      'a stream that has a reader',
      { readable: lockedStream(), writable: new WritableStream<Uint8Array>() },
    ],
    ['a stream that has a writer', { readable: generated(0), writable: lockedWritable() }],
  ])('refuses %s', (_, value) => {
    expect(() => asTun(value as unknown as PacketStream)).toThrow(
      expect.objectContaining({ code: 'ERR_USAGE' }),
    );
  });

  it.each([0, -1, 1.5, Number.NaN])('refuses a capacity of %s', (capacity) => {
    expect(() => tunFromStream(new HostDuplex(), { capacity })).toThrow(/is not a capacity/);
  });
});

function lockedStream(): ReadableStream<Uint8Array> {
  const stream = new ReadableStream<Uint8Array>();
  stream.getReader();
  return stream;
}

function lockedWritable(): WritableStream<Uint8Array> {
  const stream = new WritableStream<Uint8Array>();
  stream.getWriter();
  return stream;
}
