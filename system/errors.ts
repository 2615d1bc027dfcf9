/** The errors of wg-ts: one base class, and one list of codes. */
import { oneLine } from './text.js';

/** Error codes for programs, stable across versions. docs/errors.md explains each. */
export type ErrorCode =
  | 'ERR_USAGE'
  | 'ERR_CONFIG'
  | 'ERR_NAME'
  | 'ERR_NOT_ROOT'
  | 'ERR_NO_TUN'
  | 'ERR_INTERFACE_EXISTS'
  | 'ERR_TUN'
  | 'ERR_UNSUPPORTED'
  | 'ERR_ADDRESS_IN_USE'
  | 'ERR_ROUTE_IN_USE'
  | 'ERR_NETCONFIG'
  | 'ERR_PORT_IN_USE'
  | 'ERR_MARK'
  | 'ERR_SOCKET'
  | 'ERR_SEND'
  | 'ERR_RESOLVE'
  | 'ERR_HOOK'
  | 'ERR_CHANGE'
  | 'ERR_RESTART_NEEDED'
  | 'ERR_HANDSHAKE_TIMEOUT'
  | 'ERR_NO_PEER'
  | 'ERR_NO_ENDPOINT'
  | 'ERR_CLOSED'
  | 'ERR_ALREADY_UP'
  | 'ERR_NOT_UP'
  | 'ERR_FILE'
  | 'ERR_DOWNLOAD'
  | 'ERR_HASH'
  | 'ERR_WINDOWS'
  | 'ERR_SYSTEMD'
  | 'ERR_UAPI';

/** 2: the user's input must change; 3: this system or this user cannot do it; otherwise 1. */
const EXIT_CODES: Partial<Record<ErrorCode, number>> = {
  ERR_USAGE: 2,
  ERR_CONFIG: 2,
  ERR_NAME: 2,
  ERR_NOT_ROOT: 3,
  ERR_NO_TUN: 3,
  ERR_UNSUPPORTED: 3,
};

/** The optional parts of an error besides its message. */
export interface ErrorDetails {
  /** What to do next, one line. */
  readonly hint?: string;
  /** The cause of the error. */
  readonly cause?: unknown;
}

/**
 * The base of all errors of wg-ts that a user or a program can act on. Each has a stable code, a message
 * of one line that contains no secret, and often a hint.
 */
export class WgTsError extends Error {
  /** Stable across versions. */
  readonly code: ErrorCode;
  /** What to do next, one line. */
  declare readonly hint?: string;
  /** The exit code of the process, if this error ends it. */
  readonly exitCode: number;

  /** Line breaks in `message` become spaces. */
  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(oneLine(message), details.cause === undefined ? {} : { cause: details.cause });
    this.name = 'WgTsError';
    this.code = code;
    this.exitCode = EXIT_CODES[code] ?? 1;
    if (details.hint !== undefined) this.hint = oneLine(details.hint);
  }
}

/** Returns the message of a thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Returns a thrown value as an Error. */
export function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
