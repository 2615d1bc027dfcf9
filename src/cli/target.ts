import { interfaceNameOf, readConfigFile, resolveConfigPath } from '../config/file.js';
import { formatProblem, WgTsError } from '../errors.js';
import { type Config, parseConfig } from '../index.js';

/** What FILE|NAME of a command line means. */
export interface Target {
  readonly file: string;
  readonly name: string;
}

export interface LoadedConfig {
  readonly config: Config;
  /** One line each. */
  readonly warnings: readonly string[];
}

/** Throws WgTsError for what cannot name an interface. */
export function resolveTarget(fileOrName: string): Target {
  const file = resolveConfigPath(fileOrName);
  return { file, name: interfaceNameOf(file) };
}

/** Throws ConfigError and WgTsError. */
export async function loadConfig(file: string): Promise<LoadedConfig> {
  const { text, warnings: ofFile } = await readConfigFile(file);
  const { config, warnings } = parseConfig(text, { file });
  return {
    config,
    warnings: [...ofFile, ...warnings.map((warning) => formatProblem(file, warning))],
  };
}

export function zeroConfig(config: Config): void {
  config.interface.privateKey.zero();
  for (const { presharedKey } of config.peers) presharedKey?.zero();
}

/** `command` is what to type after sudo. */
export function requireRoot(verb: string, command: string): void {
  if (process.geteuid?.() === 0) return;
  throw new WgTsError('ERR_NOT_ROOT', `wg-ts ${verb} needs root: run sudo wg-ts ${command}`);
}
