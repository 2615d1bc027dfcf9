import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { UdpError } from '../../../udp/transport.js';
import { openWinsockQueues } from '../../../udp/windows/winsock.js';

const LOOPBACK = { ipv4Address: '127.0.0.1', ipv6: false };

async function failure(promise: Promise<unknown>): Promise<UdpError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof UdpError) return error;
  throw new Error('it did not fail');
}

it('opens both families on one port, exclusively', async () => {
  const udp = await openWinsockQueues({ ipv4Address: '127.0.0.1', ipv6Address: '::1' });
  onTestFinished(() => udp.close());
  expect(udp.port).toBeGreaterThan(0);
  expect([udp.v4.length, udp.v6.length]).toEqual([1, 1]);
  const error = await failure(openWinsockQueues({ ...LOOPBACK, port: udp.port }));
  expect(error.code).toBe('ERR_PORT_IN_USE');
  expect(error.message).toContain(`${udp.port}`);
});

it('reports that another program has the port', async () => {
  const other = createSocket('udp4').bind(0, '127.0.0.1');
  onTestFinished(() => void other.close());
  await once(other, 'listening');
  const { port } = other.address();
  expect((await failure(openWinsockQueues({ ...LOOPBACK, port }))).code).toBe('ERR_PORT_IN_USE');
});

it('frees the port when closed, any number of times', async () => {
  const udp = await openWinsockQueues(LOOPBACK);
  await udp.close();
  await udp.close();
  udp.bindInterface(4, 1);
  const again = await openWinsockQueues({ ...LOOPBACK, port: udp.port });
  expect(again.port).toBe(udp.port);
  await again.close();
});

it('refuses invalid addresses, and marks', async () => {
  const wrong = await failure(openWinsockQueues({ ...LOOPBACK, ipv4Address: 'nowhere' }));
  expect(wrong.code).toBe('ERR_SOCKET');
  expect((await failure(openWinsockQueues({ ...LOOPBACK, mark: 1 }))).code).toBe('ERR_MARK');
});

it('listens on an address with a zone', async () => {
  const udp = await openWinsockQueues({ ipv4Address: '127.0.0.1', ipv6Address: '::1%1' });
  onTestFinished(() => udp.close());
  expect(udp.v6).toHaveLength(1);
});

it('is bound to an interface and released again', async () => {
  const udp = await openWinsockQueues(LOOPBACK);
  onTestFinished(() => udp.close());
  udp.bindInterface(4, 1);
  udp.bindInterface(4, undefined);
  udp.bindInterface(6, 1);
});
