/** How a program distinguishes the errors of wg-ts from others. */
import type { NetConfigError } from '../network/errors.js';
import { type ErrorCode, WgTsError } from '../system/errors.js';
import type { TunError } from '../tun/errors.js';
import type { UdpError } from '../udp/transport.js';
import type { ConfigError } from './config/errors.js';
import type { ChangeError } from './uapi/change.js';

/** An error of this package: WgTsError itself, or a subclass with more fields. */
export type AnyWgTsError =
  | WgTsError
  | ConfigError
  | TunError
  | NetConfigError
  | UdpError
  | ChangeError;

/**
 * Codes of errors that only the command line throws; a program that uses this package never sees them.
 */
export type CommandLineErrorCode =
  | 'ERR_ALREADY_UP'
  | 'ERR_NOT_UP'
  | 'ERR_FILE'
  | 'ERR_DOWNLOAD'
  | 'ERR_HASH'
  | 'ERR_WINDOWS'
  | 'ERR_SYSTEMD'
  | 'ERR_UAPI';

/** Every `code` that a program can see. Stable across versions; docs/errors.md explains each. */
export type WgTsErrorCode = Exclude<ErrorCode, CommandLineErrorCode>;

/**
 * Returns whether this package created the error, like `error instanceof WgTsError`; then `error.code`
 * is one of WgTsErrorCode. Other errors are the reason of the caller's AbortSignal, an error of the
 * caller's own Tun, transport, resolver or stream, or a RangeError or TypeError for an invalid
 * argument. Never throws.
 */
export function isWgTsError(error: unknown): error is AnyWgTsError {
  return error instanceof WgTsError;
}
