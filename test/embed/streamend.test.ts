import { PassThrough, Writable } from 'node:stream';
import { ReadableStream, WritableStream } from 'node:stream/web';
import { afterEach, describe, expect, it } from 'vitest';
import type { PacketStream } from '../../tun/stream/streamtun.js';
import { nextTurn } from '../src/support.js';
import { waitFor } from '../support/waiting.js';
import { closeAll, generated, HostDuplex, kept, numberOf, open, packet, upTo } from './streams.js';

afterEach(closeAll);

describe('the end', () => {
  it('of the readable side ends nothing', async () => {
    const host = new HostDuplex();
    const { tun, errors, received } = open(host);
    host.push(packet(1));
    host.push(null);
    await waitFor(() => expect(received).toEqual([1]));
    await waitFor(() => expect(host.readableEnded).toBe(true));
    expect(tun.write(packet(2))).toBe(true);
    await nextTurn();
    expect([errors, host.written.map(numberOf), host.destroyed]).toEqual([[], [2], false]);
  });

  it('by close lets what was written arrive, and then destroys a Duplex', async () => {
    const host = new HostDuplex();
    host.isStuck = true;
    const { tun, received, errors } = open(host);
    for (const i of upTo(3)) tun.write(packet(i));
    tun.close();
    tun.close();
    expect(tun.write(packet(9))).toBe(false);
    host.push(packet(1));
    await nextTurn();
    expect([host.writableEnded, host.destroyed, received]).toEqual([true, false, []]);
    host.goOn();
    await waitFor(() => expect(host.destroyed).toBe(true));
    expect(host.written.map(numberOf)).toEqual([0, 1, 2]);
    expect(errors).toEqual([]);
  });

  it('by close ends a generator, and the other half', async () => {
    let isReturned = false;
    const readable = (async function* (): AsyncGenerator<Uint8Array> {
      try {
        for (;;) {
          yield packet(1);
          await nextTurn();
        }
      } finally {
        isReturned = true;
      }
    })();
    const { writable } = kept();
    const { tun, received } = open({ readable, writable });
    await waitFor(() => expect(received.length).toBeGreaterThan(0));
    tun.close();
    await waitFor(() => expect(isReturned).toBe(true));
    const count = received.length;
    await nextTurn();
    expect([received.length, writable.writableFinished]).toEqual([count, true]);
  });

  it('by close cancels a ReadableStream that brings nothing', async () => {
    const seen: string[] = [];
    const readable = new ReadableStream<Uint8Array>({ cancel: () => void seen.push('cancel') });
    const writable = new WritableStream<Uint8Array>({ close: () => void seen.push('close') });
    const { tun } = open({ readable, writable });
    await nextTurn();
    tun.close();
    await waitFor(() => expect(seen.toSorted()).toEqual(['cancel', 'close']));
  });

  it('by close destroys a separate Readable', async () => {
    const readable = new PassThrough({ objectMode: true });
    const { tun } = open({ readable, ...kept() });
    tun.close();
    expect(readable.destroyed).toBe(true);
  });
});

describe('an error', () => {
  const broken = new Error('the link is cut');

  const failing: readonly (readonly [string, () => PacketStream])[] = [
    [
      'of a Duplex',
      () => {
        const host = new HostDuplex();
        setImmediate(() => host.destroy(broken));
        return host;
      },
    ],
    [
      'of a Duplex that is broken already',
      () => {
        const host = new HostDuplex();
        host.once('error', () => undefined);
        host.destroy(broken);
        return host;
      },
    ],
    [
      'of a generator',
      () => ({
        // biome-ignore lint/correctness/useYield: it fails before the first packet.
        readable: (async function* (): AsyncGenerator<Uint8Array> {
          throw broken;
        })(),
        ...kept(),
      }),
    ],
    [
      'of a ReadableStream',
      () => ({
        readable: new ReadableStream<Uint8Array>({
          start: (controller) => controller.error(broken),
        }),
        ...kept(),
      }),
    ],
    [
      'of a Readable apart',
      () => {
        const readable = new PassThrough({ objectMode: true });
        setImmediate(() => readable.destroy(broken));
        return { readable, ...kept() };
      },
    ],
    [
      'of a Writable',
      () => {
        const { writable } = kept();
        setImmediate(() => writable.destroy(broken));
        return { readable: generated(1), writable };
      },
    ],
    [
      'of a WritableStream',
      () => ({
        readable: generated(1),
        writable: new WritableStream<Uint8Array>({
          start: (controller) => controller.error(broken),
        }),
      }),
    ],
  ];

  it.each(failing)('%s is the interface’s, once', async (_, make) => {
    const { errors, tun } = open(make());
    await waitFor(() => expect(errors).toEqual([broken]));
    expect(tun.write(packet(1))).toBe(false);
    for (let i = 0; i < 3; i++) await nextTurn();
    expect(errors).toEqual([broken]);
  });

  it('is also that the host destroys it without one', async () => {
    const [host, half] = [new HostDuplex(), kept()];
    const [duplex, halves] = [open(host), open({ readable: generated(0), ...half })];
    host.destroy();
    half.writable.destroy();
    for (const { errors } of [duplex, halves])
      await waitFor(() => expect(errors).toEqual([new Error('the packet stream was destroyed')]));
  });

  it('is what the host’s write throws, and our own write does not throw it', async () => {
    const writable = new Writable({ objectMode: true });
    writable._write = () => {
      throw broken;
    };
    const { tun, errors } = open({ readable: generated(0), writable });
    expect(tun.write(packet(1))).toBe(false);
    expect(errors).toEqual([]);
    await waitFor(() => expect(errors).toEqual([broken]));
  });

  it('of a WritableStream with several packets waiting is reported once, without a rejection', async () => {
    const rejections: unknown[] = [];
    const note = (reason: unknown): void => void rejections.push(reason);
    process.on('unhandledRejection', note);
    try {
      let fail = (_: Error): void => undefined;
      const write = (): Promise<void> =>
        new Promise((_, reject) => {
          fail = reject;
        });
      const { tun, errors } = open({
        readable: generated(0),
        writable: new WritableStream<Uint8Array>({ write }),
      });
      await nextTurn();
      for (const i of upTo(5)) tun.write(packet(i));
      fail(broken);
      for (let i = 0; i < 3; i++) await nextTurn();
      expect([errors, rejections]).toEqual([[broken], []]);
    } finally {
      process.off('unhandledRejection', note);
    }
  });

  it('comes after the packets before it, and of a ReadableStream may be a null', async () => {
    const failing = (async function* (): AsyncGenerator<Uint8Array> {
      yield* generated(10);
      throw broken;
    })();
    const withNull = new ReadableStream<Uint8Array | null>({
      start(controller) {
        for (const chunk of [packet(0), null, packet(1)]) controller.enqueue(chunk);
      },
    }) as ReadableStream<Uint8Array>;
    const [a, b] = [failing, withNull].map((readable) => open({ readable, ...kept() }));
    await waitFor(() => expect(a?.errors).toEqual([broken]));
    await waitFor(() =>
      expect(b?.errors).toMatchObject([{ message: 'the packet stream gave null' }]),
    );
    expect([a?.received, b?.received]).toEqual([upTo(10), [0]]);
  });

  it('after close is ignored', async () => {
    const host = new HostDuplex();
    const { tun, errors } = open(host);
    tun.close();
    host.destroy(broken);
    await nextTurn();
    expect(errors).toEqual([]);
  });

  it('after close is ignored, even of a WritableStream that still had to write', async () => {
    const rejections: unknown[] = [];
    const note = (reason: unknown): void => void rejections.push(reason);
    process.on('unhandledRejection', note);
    try {
      let fail = (_: Error): void => undefined;
      const write = (): Promise<void> =>
        new Promise((_, reject) => {
          fail = reject;
        });
      const writable = new WritableStream<Uint8Array>({ write });
      const { tun, errors } = open({ readable: generated(0), writable });
      await nextTurn();
      tun.write(packet(1));
      tun.close();
      fail(broken);
      for (let i = 0; i < 3; i++) await nextTurn();
      expect([errors, rejections]).toEqual([[], []]);
    } finally {
      process.off('unhandledRejection', note);
    }
  });
});
