import { throwUncaught } from '../system/uncaught.js';

/** Takes lines for people. Never given a secret. */
export interface Logger {
  /** For whoever looks for a fault. */
  debug(message: string): void;
  /** What happens in the ordinary course. */
  info(message: string): void;
  /** What the user may not expect; the tunnel goes on. */
  warn(message: string): void;
  /** What failed. */
  error(message: string): void;
}

let makeLogger: ((name: string) => Logger) | undefined;

/** LogTape is only for those who log: a program that has a logger of its own never loads it. */
async function loadLogTape(): Promise<(name: string) => Logger> {
  makeLogger ??= (await import('./logtape.js')).logTapeLogger;
  return makeLogger;
}

/**
 * Lines go to LogTape under the category `wg-ts` and the interface's name; without a LogTape
 * configuration in the program they go nowhere. LogTape is loaded at the first line: what is logged
 * until it is there waits, and keeps its order.
 */
export function defaultLogger(name: string): Logger {
  let loaded: Logger | undefined;
  let waiting: ((logger: Logger) => void)[] | undefined;

  const load = async (): Promise<void> => {
    try {
      loaded = (await loadLogTape())(name);
      for (const line of waiting ?? []) line(loaded);
    } catch {
      // Where LogTape is missing nobody has configured it, so the lines go nowhere as well.
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

/** The default logger once LogTape is there: no line waits. */
export async function loadedLogger(name: string): Promise<Logger> {
  return (await loadLogTape())(name);
}

/** A logger of the program's own that never throws into our code. */
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
