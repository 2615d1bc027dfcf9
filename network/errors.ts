import { type ErrorDetails, WgTsError } from '../system/errors.js';

/** Codes of NetConfigError; docs/errors.md explains each. */
export type NetConfigErrorCode = 'ERR_NETCONFIG' | 'ERR_ADDRESS_IN_USE' | 'ERR_ROUTE_IN_USE';

/** A change of the system's network configuration failed. The message is one line. */
export class NetConfigError extends WgTsError {
  /** Stable across versions. */
  declare readonly code: NetConfigErrorCode;
  /** The command that failed, as it would be typed. */
  readonly command: string;

  /** The message is `command: reason`. */
  constructor(code: NetConfigErrorCode, command: string, reason: string, details?: ErrorDetails) {
    super(code, `${command}: ${reason}`, details);
    this.name = 'NetConfigError';
    this.command = command;
  }
}
