// The section of the AllowedIPs table: what allowedips.mjs prints.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { run } from './lab.mjs';
import { circumstances } from './machine.mjs';
import { inShort } from './tables.mjs';

const PROGRAM = fileURLToPath(new URL('./allowedips.mjs', import.meta.url));
const LIMIT = 10 * 60_000;

/** Resolves to the text of the section and what went wrong. */
export async function lookUp() {
  if (!existsSync(PROGRAM)) return { missing: ['allowed-IPs lookups: no allowedips.mjs'] };
  try {
    const table = await run([process.execPath, PROGRAM], {}, LIMIT);
    return { text: `## Allowed-IPs lookups\n\n${circumstances()}.\n\n${table}`, missing: [] };
  } catch (error) {
    return { missing: [`allowed-IPs lookups: ${inShort(error)}`] };
  }
}
