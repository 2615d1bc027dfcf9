import { readConfigFile } from '../config/file.js';
import { formatProblem } from '../errors.js';
import { type Config, parseConfig } from '../index.js';

export interface LoadedConfig {
  readonly config: Config;
  /** One line each. */
  readonly warnings: readonly string[];
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
