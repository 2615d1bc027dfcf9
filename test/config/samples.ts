import { type ConfigError, formatProblem } from '../../src/config/errors.js';
import { type ParsedConfig, parseConfig } from '../../src/config/parse.js';

/** Random keys that protect nothing. */
export const PRIVATE_KEY = 'eNvZ3kq7PUxTqO2mYb9sLd4RfW1cJh8GaK6Bz5VtiEo=';
export const PRESHARED_KEY = 'Xw7bQm2Tz9RkLc4HsYd1VfJu6GnPa8EoKi3BxNt5CrU=';
export const PUBLIC_KEY = 'hT3vKp8wZq1XcRy6MdLs9FbGnJ2aUe7WoYi4QxBt5Hk=';
export const OTHER_PUBLIC_KEY = 'mR5yNb1sTq8ZfKw3XcLd6VgHj9PuEa2GoUi7YxQt4Bs=';

export const INTERFACE: string = `[Interface]\nPrivateKey = ${PRIVATE_KEY}\n`;
export const PEER: string = `[Peer]\nPublicKey = ${PUBLIC_KEY}\n`;

/** The problems of `text` as the command line prints them; fails when there are none. */
export function problemsOf(text: string): readonly string[] {
  const error = errorOf(text);
  return error.problems.map((problem) => formatProblem(error.file, problem));
}

export function errorOf(text: string, file = 'x.conf'): ConfigError {
  try {
    parseConfig(text, { file });
  } catch (error) {
    return error as ConfigError;
  }
  throw new Error('the file was accepted');
}

export function warningsOf(text: string): readonly string[] {
  return parseConfig(text).warnings.map((warning) => formatProblem('x.conf', warning));
}

/** A configuration with secrets in the open, so that a comparison sees them. */
export function plain({ config }: ParsedConfig): unknown {
  return {
    interface: { ...config.interface, privateKey: [...config.interface.privateKey.expose()] },
    peers: config.peers.map((peer) => ({
      ...peer,
      presharedKey: peer.presharedKey && [...peer.presharedKey.expose()],
    })),
  };
}
