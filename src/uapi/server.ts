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
   * Carries set=1 out as a whole; what it throws is answered by the number of its `errno`, else by EIO.
   * The secrets in it are zeroed when it is done. Without, set=1 is refused.
   */
  readonly change?: (change: DeviceChange) => Promise<void>;
  /** For a client that is not done with a request, or with reading its answer. */
  readonly timeoutMs?: number;
}

const MAX_CLIENTS = 16;
const TIMEOUT_MS = 5000;
/** Of one client; wg(8) sends one request. */
const MAX_WAITING = 16;
const EINVAL = 22;
const EIO = 5;
const EOPNOTSUPP = 95;

/**
 * Answers wg(8) on a socket that only the owner can open. `read` is called for each get=1; its
 * secrets stay the caller's. Throws an error with code EADDRINUSE when somebody answers there.
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
      // Removes the file, too.
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Why nobody can be reached there, such as `ENOENT`; undefined when somebody listens. */
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

/** Of Windows: it vanishes with its process. */
function isPipe(socketPath: string): boolean {
  return socketPath.startsWith('\\\\.\\pipe\\');
}

/** A file that nobody listens on any more. */
export async function removeStaleSocket(socketPath: string): Promise<void> {
  if (isPipe(socketPath)) return;
  const code = await whyUnreachable(socketPath);
  if (code === 'ECONNREFUSED' || code === 'ENOTSOCK') unlinkSync(socketPath);
}

/**
 * The mask counts when the file is made, which is before `listen` returns. On Windows everybody may
 * open a pipe to read from it, but only its owner and administrators to write: who cannot ask gets no
 * answer.
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
  // One at a time, so that a client that asks and does not read fills no memory.
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

/** Answers a number of errno.h. */
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
