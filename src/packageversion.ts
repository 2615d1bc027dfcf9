import { readFileSync } from 'node:fs';

/** Reads package.json, which lies above both `src` and `dist/src`. */
export function packageVersion(): string {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      const text = readFileSync(new URL(path, import.meta.url), 'utf8');
      const { name, version } = JSON.parse(text) as { name?: string; version?: string };
      if (name === 'wg-ts' && version !== undefined) return version;
    } catch {
      // Not in this folder.
    }
  }
  return 'unknown';
}
