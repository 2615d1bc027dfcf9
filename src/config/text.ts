import { type Config, zeroConfig } from './model.js';
import { parseConfig } from './parse.js';

/**
 * Calls `work` with the parsed configuration; secrets of a text are zeroed afterwards. Throws
 * ConfigError.
 */
export async function withConfig<T>(
  config: Config | string,
  work: (config: Config) => Promise<T>,
): Promise<T> {
  if (typeof config !== 'string') return await work(config);
  const { config: read } = parseConfig(config);
  try {
    return await work(read);
  } finally {
    zeroConfig(read);
  }
}
