/** Runs of datagrams that Winsock cuts and joins, by a Winsock that does (test/wine/doubles/datagrams). */
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { koffi } from '../../../system/windows/libraries.js';
import { until } from '../../support/waiting.js';
import { doublePath } from '../support/wintundouble.js';

const library = koffi().load(doublePath('datagrams'));
const open = library.func('void __stdcall DatagramsOpen(int joins, int marks, int receivesJoined)');
const close = library.func('void __stdcall DatagramsClose()');
const sendFailing = library.func(
  'const char * __stdcall DatagramsSend(uint16_t port, void *bytes, uint32_t length, uint32_t size, uint8_t mark, int error, uint32_t failures)',
);
const send = (
  port: number,
  bytes: Uint8Array,
  length: number,
  size: number,
  mark: number,
  error = 0,
  failures = error === 0 ? 0 : 1,
): string => sendFailing(port, bytes, length, size, mark, error, failures);
const state = library.func('uint32_t __stdcall DatagramsState()');
const begin = library.func('void __stdcall DatagramsBegin()');
const end = library.func('void __stdcall DatagramsEnd()');
const receive = library.func(
  'void __stdcall DatagramsReceive(void *bytes, uint32_t length, uint32_t size, int mark, void *out)',
);

const WSAEINVAL = 10022;
const WSAEMSGSIZE = 10040;
const WSAENETUNREACH = 10051;
const SENDS_RUNS = 1;
const SENDS_MARKS = 2;
const ECT_0 = 2;
/** DSCP AF41, which Windows does not let a program set. */
const AF41 = 0x88;

describe('a run of datagrams', () => {
  let target: Socket;
  let port: number;
  const received: Buffer[] = [];

  beforeEach(async () => {
    received.length = 0;
    target = createSocket('udp4').bind(0, '127.0.0.1');
    await once(target, 'listening');
    target.on('message', (datagram) => received.push(datagram));
    ({ port } = target.address());
    open(1, 1, 0);
  });
  afterEach(() => {
    close();
    target.close();
  });

  const run = randomBytes(2 * 100 + 60);
  const pieces = [run.subarray(0, 100), run.subarray(100, 200), run.subarray(200)];

  it('leaves with one call, which has the size of each', () => {
    expect(send(port, run, run.length, 100, 0, 0)).toBe(`260 to ${port} 17/2=100(20);`);
    expect(send(port, run, run.length, 100, ECT_0, 0)).toBe(
      `260 to ${port} 17/2=100(20) 0/50=2(20);`,
    );
    expect(state()).toBe(SENDS_RUNS | SENDS_MARKS);
  });

  it('leaves one by one where that is refused, from then on', async () => {
    expect(send(port, run, run.length, 100, 0, WSAEINVAL)).toBe(`260 to ${port} 17/2=100(20);`);
    await until('all arrive', () => received.length === pieces.length);
    expect(received).toEqual(pieces);
    expect(state()).toBe(SENDS_MARKS);
  });

  it('keeps its mark where it is the run that is refused', () => {
    const withMark = `260 to ${port} 17/2=100(20) 0/50=2(20);`;
    const without = `260 to ${port} 17/2=100(20);`;
    const single = (length: number) => `${length} to ${port} 0/50=2(20);`;
    expect(send(port, run, run.length, 100, ECT_0, WSAEINVAL, 2)).toBe(
      [withMark, without, single(100), single(100), single(60)].join(''),
    );
    expect(state() & SENDS_RUNS).toBe(0);
  });

  it('leaves one by one where the path is too narrow, this time', async () => {
    send(port, run, run.length, 100, 0, WSAEMSGSIZE);
    await until('all arrive', () => received.length === pieces.length);
    expect(received).toEqual(pieces);
    expect(state()).toBe(SENDS_RUNS | SENDS_MARKS);
  });

  it('is lost where there is no route', () => {
    send(port, run, run.length, 100, 0, WSAENETUNREACH);
    expect(state()).toBe(SENDS_RUNS | SENDS_MARKS | (3 << 8));
  });

  it('of one is a plain datagram, with a mark only where Windows takes it', async () => {
    expect(send(port, run, 100, 100, AF41, 0)).toBe('');
    await until('it arrives', () => received.length === 1);
    expect(send(port, run, 100, 100, ECT_0, WSAEINVAL)).toBe(`100 to ${port} 0/50=2(20);`);
    await until('it arrives', () => received.length === 2);
    expect(state()).toBe(SENDS_RUNS);
    expect(send(port, run, 100, 100, ECT_0, 0)).toBe('');
  });
});

/** What has the form of a transport message of the session `index`. */
function transport(index: number, counter: number, length: number): Buffer {
  const message = randomBytes(length);
  message.writeUInt32LE(4, 0);
  message.writeUInt32LE(index, 4);
  message.writeBigUInt64LE(BigInt(counter), 8);
  return message;
}

describe('what comes joined', () => {
  beforeEach(() => {
    open(0, 0, 1);
    begin();
  });
  afterEach(() => {
    end();
    close();
  });

  const come = (bytes: Uint8Array, size = 0, mark = 0) => {
    const out = new Uint32Array(5);
    receive(bytes, bytes.length, size, mark, new Uint8Array(out.buffer));
    const [length, segmentSize, trafficClass, timesStopped, port] = out;
    return { length, segmentSize, trafficClass, timesStopped, port };
  };
  const joined = (size: number, count: number, rest = 0): Buffer =>
    Buffer.concat([
      ...Array.from({ length: count }, (_, i) => transport(77, 0xffff_0000 + i, size)),
      ...(rest > 0 ? [transport(77, 0xffff_0000 + count, rest)] : []),
    ]);

  it('is cut as Winsock says', () => {
    const expected = { length: 2964, segmentSize: 1452, trafficClass: 3, timesStopped: 0 };
    expect(come(joined(1452, 2, 60), 1452, 3)).toEqual({ ...expected, port: 1234 });
    // A Winsock that says so once always does: nothing is guessed any more.
    expect(come(joined(1452, 2))).toMatchObject({ segmentSize: 2904, timesStopped: 0 });
  });

  it.each([
    [1452, 2, 60],
    [1452, 40, 0],
    [96, 2, 32],
    [1361 + 32, 3, 77],
    [32, 2, 0],
  ])('is recognised where Winsock does not say (%s bytes, %s times, %s)', (size, count, rest) => {
    const bytes = joined(size, count, rest);
    expect(come(bytes)).toMatchObject({ length: bytes.length, segmentSize: size, timesStopped: 1 });
    expect(come(joined(96, 2))).toMatchObject({ segmentSize: 192, timesStopped: 1 });
  });

  it('is not seen in a lone datagram', () => {
    for (const length of [32, 63, 64, 96, 1452, 9000])
      expect(come(transport(77, 5, length))).toMatchObject({
        length,
        segmentSize: length,
        timesStopped: 0,
      });
    const two = Buffer.concat([transport(77, 1, 96), transport(78, 2, 96)]);
    expect(come(two)).toMatchObject({ segmentSize: 192, timesStopped: 0 });
  });
});
