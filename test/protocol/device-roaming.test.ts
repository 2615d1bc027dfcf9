import { describe, expect, it } from 'vitest';
import type { Endpoint } from '../../protocol/dataplane.js';
import type { Host } from '../support/host.js';
import { connect, dataSentBy, pair, SECOND, sentBy, texts } from '../support/pair.js';

const hotel: Endpoint = { address: '2001:db8::7', port: 4500 };
const attacker: Endpoint = { address: '198.51.100.66', port: 666 };

/** Where the only peer is, in the eyes of the control plane and of the data plane. */
function endpointsOf(host: Host): (Endpoint | undefined)[] {
  return [host.device.peers()[0]?.endpoint, sentBy(host).at(-1)?.to];
}

describe('roaming', () => {
  it('follows a peer by its transport messages', () => {
    const net = pair();
    const { network, a, b } = net;
    connect(net);
    a.endpoint = hotel;
    a.send(b, 'from the hotel');
    network.run(SECOND);
    b.send(a, 'to the hotel');
    network.run(SECOND);
    expect(texts(a).at(-1)).toBe('to the hotel');
    expect(endpointsOf(b)).toEqual([hotel, hotel]);
    expect(sentBy(a, 1)).toEqual([]);
  });

  it('follows a peer by its keepalives', () => {
    const net = pair();
    const { network, a, b } = net;
    connect(net);
    b.send(a, 'asks for a keepalive');
    network.run(SECOND);
    a.endpoint = hotel;
    network.run(15 * SECOND);
    b.send(a, 'to the hotel');
    network.run(SECOND);
    expect(texts(a).at(-1)).toBe('to the hotel');
  });

  it('follows an initiator by its initiation', () => {
    const net = pair();
    const { network, a, b } = net;
    connect(net);
    network.run(200 * SECOND);
    a.endpoint = hotel;
    network.intercept = ({ bytes }) => (bytes[0] === 4 ? 'hold' : 'pass');
    a.send(b, 'from the hotel');
    network.run(SECOND);
    expect(endpointsOf(b)).toEqual([hotel, hotel]);
    expect(sentBy(b, 2).at(-1)?.to).toEqual(hotel);
  });

  it('follows a responder by its response', () => {
    const { network, a, b } = pair();
    network.intercept = ({ bytes }) => (bytes[0] === 2 ? 'hold' : 'pass');
    a.send(b, 'waits');
    network.run(100);
    const [held] = network.held;
    b.endpoint = hotel;
    network.inject(hotel, a.endpoint, held?.bytes ?? new Uint8Array(0));
    network.run(SECOND);
    expect(texts(b)).toEqual(['waits']);
    expect(endpointsOf(a)).toEqual([hotel, hotel]);
  });

  it('does not follow what is not authentic', () => {
    const net = pair();
    const { network, a, b } = net;
    connect(net);
    a.send(b, 'recorded');
    network.run(SECOND);
    for (const type of [1, 4] as const) {
      for (const { bytes } of sentBy(a, type)) {
        const forged = Uint8Array.from(bytes);
        const last = type === 4 ? forged.length - 1 : 100;
        forged[last] = (forged[last] as number) ^ 1;
        network.inject(attacker, b.endpoint, forged);
        network.inject(attacker, b.endpoint, bytes);
        network.run(100);
      }
    }
    b.send(a, 'goes to the right place');
    network.run(SECOND);
    expect(texts(a).at(-1)).toBe('goes to the right place');
    expect(endpointsOf(b)).toEqual([a.endpoint, a.endpoint]);
    expect(network.seen.filter(({ to }) => to.port === attacker.port)).toEqual([]);
  });

  it('is undone when the endpoint is configured', () => {
    const net = pair();
    const { network, a, b } = net;
    connect(net);
    const home = a.endpoint;
    a.endpoint = hotel;
    a.send(b, 'from the hotel');
    network.run(SECOND);
    a.endpoint = home;
    b.changePeer(a, { endpoint: home });
    b.send(a, 'to the home');
    network.run(SECOND);
    expect(dataSentBy(b).at(-1)?.to).toEqual(home);
    expect(texts(a).at(-1)).toBe('to the home');
  });
});
