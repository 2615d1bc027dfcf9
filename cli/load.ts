import { formatProblem } from '../src/config/errors.js';
import { type ConfigFile, readConfigFile } from '../src/config/file.js';
import { type Config, parseConfig } from '../src/index.js';

export interface LoadedConfig {
  readonly config: Config;
  /** One line each. */
  readonly warnings: readonly string[];
}

/** Throws ConfigError and WgTsError. */
export async function loadConfig(file: string): Promise<LoadedConfig> {
  const { text, warnings: ofFile } = await readConfigText(file);
  const { config, warnings } = parseConfig(text, { file });
  return {
    config,
    warnings: [...ofFile, ...warnings.map((warning) => formatProblem(file, warning))],
  };
}

/** Also reads the encrypted configuration of a Windows service. Throws WgTsError. */
export async function readConfigText(file: string): Promise<ConfigFile> {
  if (!file.endsWith('.dpapi')) return await readConfigFile(file);
  const { readStoredConfig } = await import('./service/windows/store.js');
  return { text: readStoredConfig(file), warnings: [] };
}
