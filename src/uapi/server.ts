import { mkdirSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import type { DeviceChange } from './change.js';
import { encodeErrno, encodeGet, type UapiDevice } from './codec.js';
import { RequestReader, type UapiRequest } from './request.js';
import { parseSet, zeroChange } from './set.js';

export interface UapiServer {
  /** Ends all connections and removes the socket. Idempotent. */
  close(): Promise<void>;
}

export interface UapiServerOptions {
  /**
   * Carries out set=1 as a whole; an exception is reported to the client by its `errno`, otherwise as
   * EIO. The secrets in the change are zeroed afterwards. Without this function, set=1 is refused.
   */
  readonly change?: (change: DeviceChange) => Promise<void>;
  /** Time limit for a client to finish a request, or to read its answer. */
  readonly timeoutMs?: number;
}

const MAX_CLIENTS = 16;
const TIMEOUT_MS = 5000;
/** Requests of one client that may wait; wg(8) sends one. */
const MAX_WAITING = 16;
const EINVAL = 22;
const EIO = 5;
const EOPNOTSUPP = 95;

/**
 * Serves wg(8) on a socket that only the owner can open. `read` is called for each get=1; its secrets
 * remain the caller's. Throws an error with code EADDRINUSE when another process answers there.
 */
export async function serveUapi(
  socketPath: string,
  read: () => UapiDevice,
  { timeoutMs = TIMEOUT_MS, change }: UapiServerOptions = {},
): Promise<UapiServer> {
  if (!isPipe(socketPath)) mkdirSync(path.dirname(socketPath), { recursive: true, mode: 0o700 });
  await removeStaleSocket(socketPath);
  const clients = new Set<Socket>();
  const server = createServer((socket) => {
    clients.add(socket);
    socket.once('close', () => clients.delete(socket));
    serveClient(socket, (request) => answerTo(request, read, change), timeoutMs);
  });
  server.maxConnections = MAX_CLIENTS;
  await listen(server, socketPath);
  return {
    async close() {
      for (const client of clients) client.destroy();
      // Also removes the file.
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Resolves to why no process can be reached there, such as `ENOENT`; undefined when one listens. */
export function whyUnreachable(socketPath: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.once('connect', () => {
      socket.destroy();
      resolve(undefined);
    });
  });
}

/** A Windows pipe disappears with its process. */
function isPipe(socketPath: string): boolean {
  return socketPath.startsWith('\\\\.\\pipe\\');
}

/** Removes a socket file on which no process listens any more. */
export async function removeStaleSocket(socketPath: string): Promise<void> {
  if (isPipe(socketPath)) return;
  const code = await whyUnreachable(socketPath);
  if (code === 'ECONNREFUSED' || code === 'ENOTSOCK') unlinkSync(socketPath);
}

/**
 * The mask applies when the file is created, which is before `listen` returns. On Windows everyone may
 * open a pipe for reading, but only its owner and administrators for writing: without a request there
 * is no answer.
 */
function listen(server: Server, socketPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const mask = process.umask(0o177);
    try {
      server.listen(socketPath, () => resolve());
    } finally {
      process.umask(mask);
    }
  });
}

function serveClient(
  socket: Socket,
  answerTo: (request: UapiRequest) => Promise<Uint8Array>,
  timeoutMs: number,
): void {
  const reader = new RequestReader();
  let deadline = setTimeout(() => socket.destroy(), timeoutMs);
  const restart = (): void => {
    clearTimeout(deadline);
    deadline = setTimeout(() => socket.destroy(), timeoutMs);
  };
  socket.on('error', () => socket.destroy());
  socket.on('close', () => {
    clearTimeout(deadline);
    reader.zero();
    for (const request of waiting.splice(0)) if (request.type === 'set') request.bytes.fill(0);
  });
  const waiting: UapiRequest[] = [];
  let isAnswering = false;
  // One at a time, so that a client that sends requests and does not read cannot fill the memory.
  const answerNext = async (): Promise<void> => {
    const request = waiting.shift();
    isAnswering = request !== undefined;
    if (!request) return;
    restart();
    const answer = await answerTo(request);
    socket.write(answer, (error) => {
      answer.fill(0);
      if (error || request.type === 'invalid') socket.end();
      else void answerNext();
    });
  };
  socket.on('data', (chunk: Buffer) => {
    try {
      waiting.push(...reader.push(chunk));
    } catch {
      socket.destroy();
      return;
    }
    if (!isAnswering) void answerNext();
    if (waiting.length > MAX_WAITING) socket.destroy();
  });
}

/** Never rejects. */
async function answerTo(
  request: UapiRequest,
  read: () => UapiDevice,
  change: UapiServerOptions['change'],
): Promise<Uint8Array> {
  switch (request.type) {
    case 'get':
      return encodeGet(read());
    case 'set':
      return encodeErrno(-(await carryOut(request.bytes, change)));
    case 'invalid':
      return encodeErrno(-EINVAL);
  }
}

/** Resolves to a number of errno.h. */
async function carryOut(bytes: Uint8Array, change: UapiServerOptions['change']): Promise<number> {
  let parsed: DeviceChange;
  try {
    parsed = parseSet(bytes);
  } catch {
    return EINVAL;
  } finally {
    bytes.fill(0);
  }
  try {
    if (!change) return EOPNOTSUPP;
    await change(parsed);
    return 0;
  } catch (error) {
    const errno = (error as { readonly errno?: unknown }).errno;
    return typeof errno === 'number' && errno > 0 ? errno : EIO;
  } finally {
    zeroChange(parsed);
  }
}
