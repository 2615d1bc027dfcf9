import { beforeEach, describe, expect, it } from 'vitest';
import type { Endpoint } from '../../protocol/dataplane.js';
import { type OwnUdp, ownUdpOpener } from '../../udp/own.js';
import type { UdpTransport } from '../../udp/transport.js';
import { A_PORT, Wire, type WireTransport } from './support.js';

const FROM: Endpoint = { address: '192.0.2.9', port: 9 };

let transport: WireTransport;
let udp: OwnUdp;
/** What reached the tunnel: datagrams, and ends of batches. */
let heard: string[];
let sources: Endpoint[];
let onHeard: (text: string) => void;

beforeEach(async () => {
  transport = new Wire().open(A_PORT);
  udp = await ownUdpOpener(transport)({});
  [heard, sources, onHeard] = [[], [], () => undefined];
  udp.start({
    onDatagram(bytes, from) {
      const text = Buffer.from(bytes).toString();
      heard.push(text);
      sources.push(from);
      onHeard(text);
      heard.push(`end of ${text}`);
    },
    onBatchEnd: () => void heard.push('end of batch'),
  });
});

const bring = (bytes: unknown, from: unknown): void =>
  transport.arrive(bytes as Uint8Array, from as Endpoint);

/** Past all microtasks. */
const later = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('what a transport brings', () => {
  it('is delivered at once, and ends its batch by itself', async () => {
    bring(Buffer.from('one'), FROM);
    bring(Buffer.from('two'), FROM);
    expect(heard).toEqual(['one', 'end of one', 'two', 'end of two']);
    await later();
    expect(heard.slice(4)).toEqual(['end of batch']);
  });

  it('ends its batch when it says so', () => {
    bring(Buffer.from('one'), FROM);
    transport.handlers?.onBatchEnd?.();
    expect(heard).toEqual(['one', 'end of one', 'end of batch']);
  });

  it('while it is sending waits, in order and as a copy', async () => {
    const buffer = Buffer.from('answer 1');
    (transport as UdpTransport).send = () => {
      bring(buffer, FROM);
      buffer.write('answer 2');
      bring(buffer, FROM);
      transport.handlers?.onBatchEnd?.();
    };
    udp.send(Buffer.from('question'), FROM);
    expect(heard).toEqual([]);
    await later();
    const answers = ['answer 1', 'end of answer 1', 'answer 2', 'end of answer 2'];
    expect(heard).toEqual([...answers, 'end of batch']);
  });

  it('while another datagram is delivered waits its turn', async () => {
    onHeard = (text) => {
      if (text === 'outer') bring(Buffer.from('inner'), FROM);
    };
    bring(Buffer.from('outer'), FROM);
    await later();
    expect(heard).toEqual(['outer', 'end of outer', 'inner', 'end of inner', 'end of batch']);
  });

  it('waits in a queue of a thousand at most', async () => {
    (transport as UdpTransport).send = () => {
      for (let i = 0; i < 2000; i++) bring(Buffer.from(`${i}`), FROM);
    };
    udp.send(Buffer.from('question'), FROM);
    await later();
    expect(sources).toHaveLength(1024);
    expect(udp.counters.receiveErrors).toBe(976);
  });

  it.each<[unknown, string]>([
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['fe80:0::1%eth0', 'fe80::1%eth0'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['192.0.2.1', '192.0.2.1'],
  ])('comes from %s', (address, canonical) => {
    const from = { address, port: 7 };
    bring(Buffer.from('one'), from);
    from.address = 'changed';
    expect(sources).toEqual([{ address: canonical, port: 7 }]);
  });

  const nowhere: readonly unknown[] = [
    ...[undefined, null, 'somewhere', 7, {}, []],
    ...[0, -1, 65_536, 1.5, '9', Number.NaN, undefined].map((port) => ({ ...FROM, port })),
    ...['', 'b.example', '192.0.2', '192.0.2.1%eth0', 'fe80::1%', 'fe80::1%a\nb', 7, null].map(
      (address) => ({ ...FROM, address }),
    ),
    {
      get address(): string {
        throw new Error('no address');
      },
      port: 1,
    },
  ];

  it('from nowhere is counted and dropped', async () => {
    for (const from of nowhere) bring(Buffer.from('lost'), from);
    // Nor does one that was right make the next one so.
    bring(Buffer.from('right'), FROM);
    for (const from of nowhere) bring(Buffer.from('lost'), from);
    await later();
    expect(heard).toEqual(['right', 'end of right', 'end of batch']);
    expect(udp.counters.receiveErrors).toBe(2 * nowhere.length);
  });

  it('that is not a datagram is counted and dropped', () => {
    const nothing = [new Uint8Array(0), new Uint8Array(65_536), 'text', undefined, null, [4], {}];
    for (const bytes of nothing) bring(bytes, FROM);
    expect([heard, udp.counters.receiveErrors]).toEqual([[], nothing.length]);
    bring(new Uint8Array(65_535), FROM);
    expect(sources).toHaveLength(1);
  });

  it('after close is not delivered, even if it was waiting', async () => {
    (transport as UdpTransport).send = () => bring(Buffer.from('late'), FROM);
    udp.send(Buffer.from('question'), FROM);
    await udp.close();
    bring(Buffer.from('later'), FROM);
    udp.send(Buffer.from('question'), FROM);
    await later();
    expect(heard).toEqual([]);
  });
});
