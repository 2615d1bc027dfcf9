/** How a program tells the errors of wg-ts from others. */
import type { NetConfigError } from '../network/errors.js';
import { type ErrorCode, WgTsError } from '../system/errors.js';
import type { TunError } from '../tun/errors.js';
import type { UdpError } from '../udp/transport.js';
import type { ConfigError } from './config/errors.js';
import type { ChangeError } from './uapi/change.js';

/** An error of this package: WgTsError itself, or a class of it that says more in fields of its own. */
export type AnyWgTsError =
  | WgTsError
  | ConfigError
  | TunError
  | NetConfigError
  | UdpError
  | ChangeError;

/** Codes of the command line's own errors, which a program that uses this package never meets. */
export type CommandLineErrorCode =
  | 'ERR_ALREADY_UP'
  | 'ERR_NOT_UP'
  | 'ERR_FILE'
  | 'ERR_DOWNLOAD'
  | 'ERR_HASH'
  | 'ERR_WINDOWS'
  | 'ERR_SYSTEMD'
  | 'ERR_UAPI';

/** Every `code` that a program can meet. Stable across versions; docs/errors.md explains each. */
export type WgTsErrorCode = Exclude<ErrorCode, CommandLineErrorCode>;

/**
 * Whether this package made the error, as `error instanceof WgTsError` says too: then `error.code` is
 * one of WgTsErrorCode. Other errors are the reason of an AbortSignal of the caller's, an error of the
 * caller's own Tun, transport, resolver or stream, or a RangeError or TypeError for an argument that
 * makes no sense. Never throws.
 */
export function isWgTsError(error: unknown): error is AnyWgTsError {
  return error instanceof WgTsError;
}
