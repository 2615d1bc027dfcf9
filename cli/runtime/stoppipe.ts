/** Lets another process end a tunnel on a system without signals, and read its log. */
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Only administrators can create a pipe below this prefix, so no other user can impersonate a tunnel. */
const PIPES = '\\\\.\\pipe\\ProtectedPrefix\\Administrators\\wg-ts\\';
const MAX_CLIENTS = 16;
/** The longest request is `follow`. */
const MAX_LINE_BYTES = 64;
const TIMEOUT_MS = 5000;
/** A reader that leaves more of a log unread is disconnected. */
const MAX_UNREAD_BYTES = 2 * 1024 * 1024;

export function controlPipe(name: string): string {
  return PIPES + name;
}

export interface LogSource {
  /** Returns everything that the log holds. */
  read(): string;
  /** Calls `onLine` with each line from now on. Returns a function that ends the subscription. */
  subscribe(onLine: (line: string) => void): () => void;
}

export interface ControlHandlers {
  stop(): void;
  /** Absent when the tunnel logs to a terminal. */
  readonly log?: LogSource | undefined;
}

export interface ControlServer {
  /** Ends all connections. Idempotent. */
  close(): Promise<void>;
}

interface Options {
  readonly timeoutMs?: number;
}

/**
 * A client sends one line, `stop`, `logs` or `follow`; the answer is `ok` or `error: ...`, followed by the
 * log if asked for. `follow` ends with the tunnel. Throws an error with code EADDRINUSE when the address
 * is taken.
 */
export async function serveControl(
  address: string,
  handlers: ControlHandlers,
  { timeoutMs = TIMEOUT_MS }: Options = {},
): Promise<ControlServer> {
  const clients = new Set<Socket>();
  const server = createServer((socket) => {
    clients.add(socket);
    socket.once('close', () => clients.delete(socket));
    serveClient(socket, handlers, timeoutMs);
  });
  server.maxConnections = MAX_CLIENTS;
  await listen(server, address);
  return {
    async close() {
      for (const client of clients) client.destroySoon();
      const grace = setTimeout(() => {
        for (const client of clients) client.destroy();
      }, timeoutMs);
      await new Promise<void>((resolve) => server.close(() => resolve()));
      clearTimeout(grace);
    },
  };
}

function listen(server: Server, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(address, () => resolve());
  });
}

function serveClient(socket: Socket, handlers: ControlHandlers, timeoutMs: number): void {
  const deadline = setTimeout(() => socket.destroy(), timeoutMs);
  let request = '';
  socket.on('error', () => socket.destroy());
  socket.once('close', () => clearTimeout(deadline));
  const onData = (chunk: Buffer): void => {
    request += chunk.toString('latin1');
    const end = request.indexOf('\n');
    if (end < 0 && request.length <= MAX_LINE_BYTES) return;
    socket.off('data', onData);
    clearTimeout(deadline);
    if (end < 0 || end > MAX_LINE_BYTES) socket.destroy();
    else answer(socket, request.slice(0, end), handlers);
  };
  socket.on('data', onData);
}

function answer(socket: Socket, request: string, { stop, log }: ControlHandlers): void {
  // Data after the request is ignored, but has to be read to see the end.
  socket.resume();
  switch (request) {
    case 'stop':
      socket.end('ok\n');
      stop();
      return;
    case 'logs':
    case 'follow':
      if (!log) socket.end('error: it logs to the terminal that it runs in\n');
      else if (request === 'logs') socket.end(`ok\n${log.read()}`);
      else follow(socket, log);
      return;
    default:
      socket.end('error: not a request\n');
  }
}

function follow(socket: Socket, log: LogSource): void {
  socket.write(`ok\n${log.read()}`);
  const end = log.subscribe((line) => {
    if (socket.writableLength > MAX_UNREAD_BYTES) socket.destroy();
    else if (socket.writable) socket.write(`${line}\n`);
  });
  socket.once('close', end);
}

/** Resolves to whether the tunnel will end; false when there is no answer in time. */
export async function requestStop(
  address: string,
  { timeoutMs = TIMEOUT_MS }: Options = {},
): Promise<boolean> {
  let answered = '';
  try {
    await ask(address, 'stop', timeoutMs, (text) => {
      answered += text;
    });
  } catch {
    return false;
  }
  return answered === 'ok\n';
}

/**
 * Passes on the log of a running tunnel; with `follow` until the tunnel ends. Resolves to false when no
 * tunnel listens. Throws an Error with the message of the tunnel.
 */
export async function requestLog(
  address: string,
  options: { readonly follow: boolean; readonly signal?: AbortSignal },
  onText: (text: string) => void,
): Promise<boolean> {
  const request = options.follow ? 'follow' : 'logs';
  let head: string | undefined = '';
  try {
    await ask(
      address,
      request,
      TIMEOUT_MS,
      (text) => {
        if (head === undefined) {
          onText(text);
          return;
        }
        head += text;
        if (!head.startsWith('ok\n')) return;
        const rest = head.slice('ok\n'.length);
        head = undefined;
        if (rest !== '') onText(rest);
      },
      options.signal,
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  if (head !== undefined && head !== '') throw new Error(head.replace(/^error: /, '').trimEnd());
  return head === undefined;
}

/** Resolves when the other side has closed the connection. The timeout is for its first data. */
function ask(
  address: string,
  request: string,
  timeoutMs: number,
  onText: (text: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(address);
    const timer = setTimeout(() => socket.destroy(new Error('no answer')), timeoutMs);
    const abort = (): void => void socket.destroy();
    signal?.addEventListener('abort', abort, { once: true });
    socket.setEncoding('utf8');
    socket.once('connect', () => socket.write(`${request}\n`));
    socket.once('error', reject);
    socket.once('end', () => socket.destroy());
    socket.once('close', () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      resolve();
    });
    socket.on('data', (text: string) => {
      clearTimeout(timer);
      onText(text);
    });
  });
}
