import { closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { serviceNotifier, unixAddress } from '../../cli/service/systemd/notify.js';
import { libc } from '../../system/linux/libc.js';

const AF_UNIX = 1;
const SOCK_DGRAM_NONBLOCK = 2 | 0o4000;

const open: number[] = [];
afterEach(() => {
  for (const fd of open.splice(0)) closeSync(fd);
});

/** A receiver in the abstract namespace, which leaves no file. */
function receiver(): { readonly name: string; next(): string | undefined } {
  const name = `@wg-ts-test-${process.pid}-${open.length}-${Math.random()}`;
  const address = unixAddress(name);
  if (!address) throw new Error('no address');
  const fd = libc().socket(AF_UNIX, SOCK_DGRAM_NONBLOCK, 0);
  open.push(fd);
  expect(libc().bind(fd, address, address.length)).toBe(0);
  const bytes = Buffer.alloc(4096);
  return {
    name,
    next() {
      const length = Number(libc().read(fd, bytes, bytes.length));
      return length < 0 ? undefined : bytes.toString('utf8', 0, length);
    },
  };
}

describe.skipIf(process.platform !== 'linux')('what is sent to systemd (Linux only)', () => {
  it('is nothing when the process was not started as a service', () => {
    expect(serviceNotifier({})).toBeUndefined();
    expect(serviceNotifier({ NOTIFY_SOCKET: 'relative' })).toBeUndefined();
    expect(serviceNotifier({ NOTIFY_SOCKET: `/${'a'.repeat(200)}` })).toBeUndefined();
  });

  it('is readiness, state and the end, each a datagram', () => {
    const { name, next } = receiver();
    const manager = serviceNotifier({ NOTIFY_SOCKET: name });
    manager?.status('coming\nup');
    manager?.ready('office is up');
    manager?.stopping();
    expect([next(), next(), next(), next()]).toEqual([
      'STATUS=coming up',
      'READY=1\nSTATUS=office is up',
      'STOPPING=1\nSTATUS=going down',
      undefined,
    ]);
    manager?.close();
  });

  it('is sent by no child process: the variables are removed', () => {
    const { name } = receiver();
    const env = { NOTIFY_SOCKET: name, WATCHDOG_USEC: '1', WATCHDOG_PID: '1', OTHER: 'stays' };
    serviceNotifier(env)?.close();
    expect(env).toEqual({ OTHER: 'stays' });
  });

  it('has signs of life until it is closed, when they are asked of this process', async () => {
    const { name, next } = receiver();
    const manager = serviceNotifier({
      NOTIFY_SOCKET: name,
      WATCHDOG_USEC: '20000',
      WATCHDOG_PID: String(process.pid),
    });
    let sign: string | undefined;
    for (let tries = 0; sign === undefined && tries < 500; tries += 1) {
      await sleep(10);
      sign = next();
    }
    expect(sign).toBe('WATCHDOG=1');
    manager?.close();
    while (next() !== undefined);
    await sleep(50);
    expect(next()).toBeUndefined();
  });

  it('has none when they are asked of another process', async () => {
    const { name, next } = receiver();
    const manager = serviceNotifier({
      NOTIFY_SOCKET: name,
      WATCHDOG_USEC: '2000',
      WATCHDOG_PID: '1',
    });
    await sleep(50);
    expect(next()).toBeUndefined();
    manager?.close();
  });

  it('may be lost without harm', () => {
    const manager = serviceNotifier({ NOTIFY_SOCKET: '/nonexistent/socket' });
    manager?.ready('nobody hears it');
    manager?.close();
  });
});
