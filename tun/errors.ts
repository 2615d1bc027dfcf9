import { type ErrorDetails, WgTsError } from '../system/errors.js';

/** Codes of TunError; docs/errors.md explains each. */
export type TunErrorCode =
  | 'ERR_NOT_ROOT'
  | 'ERR_NO_TUN'
  | 'ERR_INTERFACE_EXISTS'
  | 'ERR_NAME'
  | 'ERR_TUN';

/** A network interface could not be created or has failed. The message is one line with what to do. */
export class TunError extends WgTsError {
  /** Stable across versions. */
  declare readonly code: TunErrorCode;

  /** `message` is one line. */
  constructor(code: TunErrorCode, message: string, details?: ErrorDetails) {
    super(code, message, details);
    this.name = 'TunError';
  }
}
