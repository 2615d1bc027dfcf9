import { getLogger } from '@logtape/logtape';

type Level = 'debug' | 'info' | 'warn' | 'error';

/** Passes lines to LogTape under the category `wg-ts` and the interface's name. */
export function logTapeLogger(name: string): Readonly<Record<Level, (message: string) => void>> {
  const logger = getLogger(['wg-ts', name]);
  // LogTape takes braces for placeholders, but leaves a message without an opening brace unchanged.
  const literal = (message: string): string =>
    message.includes('{') ? message.replace(/[{}]/g, '$&$&') : message;
  return {
    debug: (message) => logger.debug(literal(message)),
    info: (message) => logger.info(literal(message)),
    warn: (message) => logger.warn(literal(message)),
    error: (message) => logger.error(literal(message)),
  };
}
