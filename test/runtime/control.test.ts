import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import {
  type ControlHandlers,
  controlPipe,
  type LogSource,
  requestLog,
  requestStop,
  serveControl,
} from '../../cli/runtime/stoppipe.js';
import { waitFor } from '../support/waiting.js';

let folder: string;
let address: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'wg-ts-control-'));
  address = path.join(folder, 'socket');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function serve(handlers: Partial<ControlHandlers> = {}, timeoutMs = 5000) {
  const server = await serveControl(address, { stop: () => undefined, ...handlers }, { timeoutMs });
  onTestFinished(() => server.close());
  return server;
}

async function say(text: string): Promise<string> {
  const socket = connect(address);
  socket.on('error', () => undefined);
  let heard = '';
  socket.on('data', (chunk) => {
    heard += String(chunk);
  });
  socket.write(text);
  await once(socket, 'close');
  return heard;
}

class MemoryLog implements LogSource {
  readonly listeners = new Set<(line: string) => void>();
  text = 'old\n';
  read(): string {
    return this.text;
  }
  subscribe(onLine: (line: string) => void): () => void {
    this.listeners.add(onLine);
    return () => this.listeners.delete(onLine);
  }
  append(line: string): void {
    for (const listener of this.listeners) listener(line);
  }
}

it('is where only administrators may make a pipe', () => {
  expect(controlPipe('office')).toBe('\\\\.\\pipe\\ProtectedPrefix\\Administrators\\wg-ts\\office');
});

it('stops a tunnel', async () => {
  const stop = vi.fn();
  await serve({ stop });
  expect(await requestStop(address)).toBe(true);
  expect(stop).toHaveBeenCalledTimes(1);
});

it('shows a log', async () => {
  await serve({ log: new MemoryLog() });
  let text = '';
  const onText = (more: string): void => {
    text += more;
  };
  expect(await requestLog(address, { follow: false }, onText)).toBe(true);
  expect(text).toBe('old\n');
});

it('follows a log until the tunnel ends, or the reader has enough', async () => {
  const log = new MemoryLog();
  const server = await serve({ log });
  const texts = ['', ''];
  const enough = new AbortController();
  const reading = texts.map((_, index) =>
    requestLog(address, { follow: true, ...(index === 0 && { signal: enough.signal }) }, (more) => {
      texts[index] += more;
    }),
  );
  await waitFor(() => expect(texts).toEqual(['old\n', 'old\n']));
  log.append('new');
  await waitFor(() => expect(texts).toEqual(['old\nnew\n', 'old\nnew\n']));
  enough.abort();
  expect(await reading[0]).toBe(true);
  await waitFor(() => expect(log.listeners.size).toBe(1));
  log.append('last');
  await server.close();
  expect(await reading[1]).toBe(true);
  expect(texts[1]).toBe('old\nnew\nlast\n');
  await waitFor(() => expect(log.listeners.size).toBe(0));
});

it('says when there is no log, or no tunnel', async () => {
  const nothing = (): void => undefined;
  expect(await requestLog(address, { follow: false }, nothing)).toBe(false);
  expect(await requestStop(address)).toBe(false);
  await serve();
  await expect(requestLog(address, { follow: true }, nothing)).rejects.toThrow(
    'it logs to the terminal that it runs in',
  );
});

it('hangs up on a client that sends too much, nothing, or nonsense', async () => {
  const stop = vi.fn();
  await serve({ stop }, 200);
  expect(await say('x'.repeat(65))).toBe('');
  expect(await say(`${'x'.repeat(10_000)}\nstop\n`)).toBe('');
  expect(await say('stop')).toBe('');
  expect(await say('')).toBe('');
  expect(await say('STOP\n')).toBe('error: not a request\n');
  expect(await say('\n')).toBe('error: not a request\n');
  expect(stop).not.toHaveBeenCalled();
  expect(await say('stop\nlogs\n')).toBe('ok\n');
  expect(stop).toHaveBeenCalledTimes(1);
});

it('lets sixteen in, and drops one that does not read', async () => {
  const log = new MemoryLog();
  await serve({ log });
  const sockets: Socket[] = [];
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  for (let count = 0; count < 17; count += 1) {
    const socket = connect(address);
    socket.on('error', () => undefined);
    socket.pause();
    socket.write('follow\n');
    sockets.push(socket);
  }
  await waitFor(() => expect(log.listeners.size).toBe(16));
  const long = 'x'.repeat(100_000);
  for (let count = 0; count < 40; count += 1) log.append(long);
  await waitFor(() => expect(log.listeners.size).toBe(0));
});

it('is not waited for without end', async () => {
  const deaf = createServer((socket) => socket.on('error', () => undefined)).listen(address);
  onTestFinished(() => void deaf.close());
  await once(deaf, 'listening');
  expect(await requestStop(address, { timeoutMs: 100 })).toBe(false);
});
