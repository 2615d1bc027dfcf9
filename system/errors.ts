/** The errors of wg-ts: one base class, and one list of codes. */
import { oneLine } from './text.js';

/** What went wrong, for programs; stable across versions. docs/errors.md explains each. */
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

/** 2: what the user wrote has to change; 3: this system or this user cannot do it; else 1. */
const EXIT_CODES: Partial<Record<ErrorCode, number>> = {
  ERR_USAGE: 2,
  ERR_CONFIG: 2,
  ERR_NAME: 2,
  ERR_NOT_ROOT: 3,
  ERR_NO_TUN: 3,
  ERR_UNSUPPORTED: 3,
};

/** What an error may have besides its message. */
export interface ErrorDetails {
  /** What to do next, one line. */
  readonly hint?: string;
  /** What caused it. */
  readonly cause?: unknown;
}

/**
 * The base of all errors of wg-ts that a user or a program can act on: a stable code, a message of one
 * line without a secret in it, and often a hint.
 */
export class WgTsError extends Error {
  /** Stable across versions. */
  readonly code: ErrorCode;
  /** What to do next, one line. */
  declare readonly hint?: string;
  /** Of the process, when nothing else is left to do. */
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

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whatever was thrown, as an Error. */
export function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
