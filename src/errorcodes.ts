/** How a program tells the errors of wg-ts from others, and from each other. */

import { WgTsError } from '../system/errors.js';
import { NetConfigError, TunError } from '../tun/errors.js';
import { UdpError } from '../udp/transport.js';
import { ChangeError } from './control/configuration.js';

/**
 * An error of this package: one of five classes, each of which says more in fields of its own. They have no
 * class in common but Error, as each belongs to a layer that knows nothing of those above; what they
 * have in common is `code`, and a message of one line without a secret in it.
 */
export type AnyWgTsError = WgTsError | TunError | NetConfigError | UdpError | ChangeError;

/** Codes of the command line's own errors, which a program that uses this package never meets. */
export type CommandLineErrorCode =
  | 'ERR_ALREADY_UP'
  | 'ERR_NOT_UP'
  | 'ERR_FILE'
  | 'ERR_DOWNLOAD'
  | 'ERR_HASH'
  | 'ERR_WINDOWS'
  | 'ERR_SYSTEMD';

/** Every `code` that a program can meet. Stable across versions; docs/errors.md tells each. */
export type WgTsErrorCode = Exclude<AnyWgTsError['code'], CommandLineErrorCode>;

const CLASSES = [WgTsError, TunError, NetConfigError, UdpError, ChangeError] as const;

/**
 * Whether this package made the error: then `error.code` is one of WgTsErrorCode. What is not is the reason
 * of an AbortSignal of the caller's, an error of the caller's own Tun, transport, resolver or stream, or a
 * RangeError or TypeError for an argument that makes no sense. Never throws.
 */
export function isWgTsError(error: unknown): error is AnyWgTsError {
  return CLASSES.some((one) => error instanceof one);
}
