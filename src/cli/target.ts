import { interfaceNameOf, resolveConfigPath } from '../config/file.js';
import { WgTsError } from '../errors.js';

/** What FILE|NAME of a command line means. */
export interface Target {
  readonly file: string;
  readonly name: string;
}

/** Throws WgTsError for what cannot name an interface. */
export function resolveTarget(fileOrName: string): Target {
  const file = resolveConfigPath(fileOrName);
  return { file, name: interfaceNameOf(file) };
}

/** `command` is what to type after sudo. */
export function requireRoot(verb: string, command: string): void {
  if (process.geteuid?.() === 0) return;
  throw new WgTsError('ERR_NOT_ROOT', `wg-ts ${verb} needs root: run sudo wg-ts ${command}`);
}
