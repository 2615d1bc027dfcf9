/** Of a TunError; docs/errors.md tells each. */
export type TunErrorCode =
  | 'ERR_NOT_ROOT'
  | 'ERR_NO_TUN'
  | 'ERR_INTERFACE_EXISTS'
  | 'ERR_NAME'
  | 'ERR_TUN';

/** A network interface could not be made or has failed. The message is one line with what to do. */
export class TunError extends Error {
  /** Stable across versions. */
  readonly code: TunErrorCode;

  /** `message` is one line. */
  constructor(code: TunErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TunError';
    this.code = code;
  }
}

/** Of a NetConfigError; docs/errors.md tells each. */
export type NetConfigErrorCode = 'ERR_NETCONFIG' | 'ERR_ADDRESS_IN_USE' | 'ERR_ROUTE_IN_USE';

/** A change of the system's network configuration failed. The message is one line. */
export class NetConfigError extends Error {
  /** Stable across versions. */
  readonly code: NetConfigErrorCode;
  /** The command that failed, as one would type it. */
  readonly command: string;

  /** The message is `command: reason`. */
  constructor(code: NetConfigErrorCode, command: string, reason: string, options?: ErrorOptions) {
    super(`${command}: ${reason}`, options);
    this.name = 'NetConfigError';
    this.code = code;
    this.command = command;
  }
}
