import { getLogger } from '@logtape/logtape';

/** Takes lines for people. Never given a secret. */
export interface Logger {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/**
 * Lines go to LogTape under the category `wg-ts` and the interface's name; without a LogTape
 * configuration in the program they go nowhere.
 */
export function defaultLogger(name: string): Logger {
  const logger = getLogger(['wg-ts', name]);
  // LogTape takes braces for placeholders, but leaves a message without an opening one as it is.
  const literal = (message: string): string =>
    message.includes('{') ? message.replace(/[{}]/g, '$&$&') : message;
  return {
    debug: (message) => logger.debug(literal(message)),
    info: (message) => logger.info(literal(message)),
    warn: (message) => logger.warn(literal(message)),
    error: (message) => logger.error(literal(message)),
  };
}
