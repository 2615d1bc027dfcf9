import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import type { DeviceChange } from './change.js';
import { checkErrno, parseGet, type UapiDevice, UapiError } from './codec.js';
import { encodeSet } from './set.js';

const FOLDER = '/var/run/wireguard';
const EXTENSION = '.sock';
/** Only administrators may create a pipe below this prefix. */
const PIPE_PREFIX = 'ProtectedPrefix\\Administrators\\WireGuard\\';
const PIPES = '\\\\.\\pipe\\';
/** Room for some hundred thousand allowed IPs. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
const TIMEOUT_MS = 5000;
const END = Buffer.from('\n\n');

/** Returns the path at which wg(8) looks for an interface. */
export function uapiSocket(name: string, platform: NodeJS.Platform = process.platform): string {
  if (platform === 'win32') return PIPES + PIPE_PREFIX + name;
  return path.posix.join(FOLDER, name + EXTENSION);
}

/**
 * Returns the names of all interfaces that have a socket, even if no process listens on it any more.
 */
export function listUapi(folder: string = FOLDER): string[] {
  if (process.platform === 'win32') return pipeNames(listPipes());
  try {
    return readdirSync(folder)
      .filter((file) => file.endsWith(EXTENSION))
      .map((file) => file.slice(0, -EXTENSION.length))
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Returns the names of interfaces among those of all pipes. */
export function pipeNames(pipes: readonly string[]): string[] {
  return pipes
    .filter((pipe) => pipe.toLowerCase().startsWith(PIPE_PREFIX.toLowerCase()))
    .map((pipe) => pipe.slice(PIPE_PREFIX.length))
    .sort();
}

function listPipes(): string[] {
  try {
    return readdirSync(PIPES);
  } catch {
    // Not every pipe file system can be read.
    return [];
  }
}

interface AskOptions {
  readonly timeoutMs?: number;
}

/**
 * Queries an interface for its state; the caller zeroes the secrets in it. Resolves to undefined when
 * no process listens. Throws UapiError.
 */
export async function queryUapi(
  socketPath: string,
  { timeoutMs = TIMEOUT_MS }: AskOptions = {},
): Promise<UapiDevice | undefined> {
  const answer = await ask(socketPath, new TextEncoder().encode('get=1\n\n'), timeoutMs);
  if (!answer) return undefined;
  try {
    return parseGet(answer);
  } finally {
    answer.fill(0);
  }
}

/**
 * Changes an interface; the caller keeps the secrets of `change`. Resolves to false when no process
 * listens. Throws UapiError, with `errno` when the interface refuses.
 */
export async function changeUapi(
  socketPath: string,
  change: DeviceChange,
  { timeoutMs = TIMEOUT_MS }: AskOptions = {},
): Promise<boolean> {
  const request = encodeSet(change);
  try {
    const answer = await ask(socketPath, request, timeoutMs);
    if (answer) checkErrno(answer);
    return answer !== undefined;
  } finally {
    request.fill(0);
  }
}

/** The caller must not change `request` until the answer has arrived. */
function ask(
  socketPath: string,
  request: Uint8Array,
  timeoutMs: number,
): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const socket = connect(socketPath);
    const timer = setTimeout(() => fail(new UapiError('the interface does not answer')), timeoutMs);
    const settle = (): void => {
      clearTimeout(timer);
      socket.destroy();
    };
    const zero = (): void => {
      for (const chunk of chunks) chunk.fill(0);
    };
    const fail = (error: Error): void => {
      settle();
      zero();
      reject(error);
    };
    const finish = (): void => {
      settle();
      const answer = Buffer.concat(chunks);
      zero();
      resolve(answer);
    };
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT' && error.code !== 'ECONNREFUSED')
        return fail(new UapiError(`the interface cannot be queried (${error.code})`));
      settle();
      resolve(undefined);
    });
    socket.once('connect', () => socket.write(request));
    socket.once('end', finish);
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MAX_ANSWER_BYTES) fail(new UapiError('the answer of the interface is too long'));
      else if (endsAnswer(chunks)) finish();
    });
  });
}

/** Returns whether the empty line has arrived, which may be split between the last two chunks. */
function endsAnswer(chunks: readonly Buffer[]): boolean {
  const last = chunks.slice(-2).map((chunk) => chunk.subarray(-END.length));
  return Buffer.concat(last).subarray(-END.length).equals(END);
}
