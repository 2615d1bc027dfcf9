/** Once for all files of this folder: the package as npm would publish it, and other Nodes to run it. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { mustRun, run } from '../netns/support/process.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The versions to be tried, as npm has them: that of `engines` in package.json, and the newest there is. */
const OTHER_NODES = { oldest: '20.19.0', newest: 'latest' } as const;
/** Builds of Node for this machine, each a package with bin/node. */
const NODE_PACKAGE = `node-linux-${process.arch}`;
const PATIENCE = { timeoutMs: 300_000 } as const;
/** The time within which even a slow registry answers. */
const REGISTRY_TIMEOUT_MS = 30_000;

export type NodeName = 'this' | keyof typeof OTHER_NODES;

export interface Prepared {
  /** For what the tests make; it is removed at the end. */
  readonly folder: string;
  /** Undefined where `missing` has something. */
  readonly tarball?: string;
  /** The folder of each executable, its name for the tests before it. */
  readonly nodes: Readonly<Partial<Record<NodeName, string>>>;
  /** Why the package cannot be installed on this machine. */
  readonly missing: readonly string[];
}

declare module 'vitest' {
  interface ProvidedContext {
    readonly prepared: Prepared;
  }
}

let folder: string | undefined;

export async function setup(project: TestProject): Promise<void> {
  folder = mkdtempSync(join(tmpdir(), 'wg-ts-install-'));
  project.provide('prepared', await prepare(folder));
}

export function teardown(): void {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
}

async function prepare(into: string): Promise<Prepared> {
  const missing = await whyNotInstalled();
  if (missing !== undefined) return { folder: into, nodes: {}, missing: [missing] };
  const tarball = await pack(into);
  const nodes = {
    this: dirname(process.execPath),
    oldest: await installNode(into, OTHER_NODES.oldest),
    newest: await installNode(into, OTHER_NODES.newest),
  };
  return { folder: into, tarball, nodes, missing: [] };
}

async function whyNotInstalled(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'not Linux';
  const ask = ['npm', 'view', NODE_PACKAGE, 'version'];
  const asked = await run(ask, { timeoutMs: REGISTRY_TIMEOUT_MS }).catch(() => undefined);
  if (asked === undefined) return 'no npm';
  return asked.code === 0 ? undefined : 'the npm registry does not answer';
}

/** Builds, as `npm publish` does. */
async function pack(into: string): Promise<string> {
  await mustRun(['npm', 'pack', '--prefix', ROOT, '--pack-destination', into, ROOT], PATIENCE);
  const tarball = readdirSync(into).find((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error('npm pack has left nothing');
  return join(into, tarball);
}

/** Returns the folder of the executable. */
async function installNode(into: string, version: string): Promise<string> {
  const prefix = join(into, `node-${version}`);
  const install = ['npm', 'install', '--no-audit', '--no-fund', '--prefix', prefix];
  await mustRun([...install, `${NODE_PACKAGE}@${version}`], PATIENCE);
  return join(prefix, 'node_modules', NODE_PACKAGE, 'bin');
}
