// Describes the circumstances under which a section was measured.
import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import { CLI } from './kinds.mjs';
import { versionOf } from './peers.mjs';
import { machineSeconds } from './processes.mjs';
import { round } from './tables.mjs';

export function circumstances() {
  const cores = cpus();
  return [
    new Date().toISOString().slice(0, 10),
    `${cores.length} cores of ${cores[0]?.model.trim()}`,
    `${Math.round(totalmem() / 2 ** 30)} GiB`,
    `Linux ${release()}`,
    `Node.js ${process.version}`,
    versionOf('iperf3') ?? 'iperf3 of unknown version',
  ].join(', ');
}

/** Returns a line for each kind whose version is known. */
export function versions(kinds) {
  return kinds
    .filter(({ version }) => version)
    .map(({ name, version }) => `- ${name}: ${version}`)
    .join('\n');
}

/** Returns what wg-ts reports: its version, and the library of its cryptography. */
export function wgTsVersion() {
  try {
    const output = execFileSync(process.execPath, [CLI, 'version'], { encoding: 'utf8' });
    const [name, ...lines] = output.trim().split('\n');
    const aead = lines.find((line) => line.startsWith('ChaCha20-Poly1305: '));
    return [name, aead].filter(Boolean).join(', ');
  } catch {
    return 'wg-ts of unknown version';
  }
}

const QUIET = 0.1;

/** Resolves to a remark when other programs use the machine, else undefined. */
export async function whyNotQuiet() {
  const before = machineSeconds();
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const busy = (machineSeconds() - before) / 2;
  return busy < QUIET
    ? undefined
    : `before it began, other programs kept ${round(busy)} cores busy`;
}
