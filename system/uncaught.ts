/** Code of the caller's runs in the middle of ours. What it throws must not cut ours short, nor be hidden. */
import type { Logger } from '../src/logger.js';

/** Makes an uncaught exception of it, as if the caller's code had been called by the event loop itself. */
export function throwUncaught(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

/** A logger of the caller's that never throws. */
export function uncaughtLogger(logger: Logger): Logger {
  const say =
    (level: keyof Logger) =>
    (message: string): void => {
      try {
        logger[level](message);
      } catch (error) {
        throwUncaught(error);
      }
    };
  return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };
}
