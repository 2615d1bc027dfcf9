import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import type { DeviceChange } from './change.js';
import { checkErrno, parseGet, type UapiDevice, UapiError } from './codec.js';
import { encodeSet } from './set.js';

const FOLDER = '/var/run/wireguard';
const EXTENSION = '.sock';
/** Only administrators may make a pipe below this prefix. */
const PIPE_PREFIX = 'ProtectedPrefix\\Administrators\\WireGuard\\';
const PIPES = '\\\\.\\pipe\\';
/** Some hundred thousand allowed IPs. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
const TIMEOUT_MS = 5000;
const END = Buffer.from('\n\n');

/** Where wg(8) looks for an interface. */
export function uapiSocket(name: string, platform: NodeJS.Platform = process.platform): string {
  if (platform === 'win32') return PIPES + PIPE_PREFIX + name;
  return path.posix.join(FOLDER, name + EXTENSION);
}

/** The names of all interfaces that have a socket, also if nobody listens on it any more. */
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

/** Names of interfaces, out of those of all pipes. */
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
    // Not every file system of pipes can be read.
    return [];
  }
}

interface AskOptions {
  readonly timeoutMs?: number;
}

/**
 * Asks an interface for its state; the caller zeroes the secrets in it. Undefined when nobody
 * listens. Throws UapiError.
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
 * Changes an interface; the secrets of `change` stay the caller's. Answers false when nobody listens.
 * Throws UapiError, with `errno` when the interface refuses.
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

/** `request` has to stay until the answer is there. */
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
        return fail(new UapiError(`the interface cannot be asked (${error.code})`));
      settle();
      resolve(undefined);
    });
    socket.once('connect', () => socket.write(request));
    socket.once('end', finish);
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MAX_ANSWER_BYTES) fail(new UapiError('the answer of the interface has no end'));
      else if (endsAnswer(chunks)) finish();
    });
  });
}

/** The empty line may be split between the last two chunks. */
function endsAnswer(chunks: readonly Buffer[]): boolean {
  const last = chunks.slice(-2).map((chunk) => chunk.subarray(-END.length));
  return Buffer.concat(last).subarray(-END.length).equals(END);
}
