import { throwUncaught } from '../system/uncaught.js';

/** Receives log lines, each for people to read. Never called with a secret. */
export interface Logger {
  /** Details for debugging. */
  debug(message: string): void;
  /** Normal events. */
  info(message: string): void;
  /** Something that the user may not expect; the tunnel goes on. */
  warn(message: string): void;
  /** A failure. */
  error(message: string): void;
}

let makeLogger: ((name: string) => Logger) | undefined;

/** Loaded on demand: a program with its own logger never loads LogTape. */
async function loadLogTape(): Promise<(name: string) => Logger> {
  makeLogger ??= (await import('./logtape.js')).logTapeLogger;
  return makeLogger;
}

/**
 * Returns a logger that writes to LogTape under the category `wg-ts` and the interface's name; unless
 * the program configures LogTape, the lines are dropped. LogTape is loaded at the first line: lines
 * that are logged before it is loaded wait, and keep their order.
 */
export function defaultLogger(name: string): Logger {
  let loaded: Logger | undefined;
  let waiting: ((logger: Logger) => void)[] | undefined;

  const load = async (): Promise<void> => {
    try {
      loaded = (await loadLogTape())(name);
      for (const line of waiting ?? []) line(loaded);
    } catch {
      // Without LogTape the program has not configured it either, so the lines are dropped too.
    }
    waiting = undefined;
  };
  const log = (line: (logger: Logger) => void): void => {
    if (waiting) {
      waiting.push(line);
      return;
    }
    loaded ??= makeLogger?.(name);
    if (loaded) line(loaded);
    else {
      waiting = [line];
      void load();
    }
  };
  return {
    debug: (message) => log((logger) => logger.debug(message)),
    info: (message) => log((logger) => logger.info(message)),
    warn: (message) => log((logger) => logger.warn(message)),
    error: (message) => log((logger) => logger.error(message)),
  };
}

/** Returns the default logger once LogTape is loaded: no line has to wait. */
export async function loadedLogger(name: string): Promise<Logger> {
  return (await loadLogTape())(name);
}

/** Wraps the program's logger so that its exceptions never reach the library's code. */
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
