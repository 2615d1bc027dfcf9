import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, inject } from 'vitest';
import { mustRun, type RunResult, run } from '../netns/support/process.js';
import { describeWhere } from '../netns/support/requirements.js';
import type { NodeName, Prepared } from './setup.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PROGRAMS = fileURLToPath(new URL('programs', import.meta.url));
const INSTALL_MS = 300_000;
const RUN_MS = 60_000;

const prepared: Prepared = inject('prepared');

/** Skipped by name, with the reason, where the npm registry does not answer. */
export function describeInstalled(name: string, body: () => void): void {
  describeWhere(name, prepared.missing, body);
}

/** A project that depends on wg-ts, as a user has it. */
export class Project {
  readonly folder: string;

  /** With the programs of this folder, the examples, and the example configurations. */
  static async create(installOptions: readonly string[] = []): Promise<Project> {
    const { folder, tarball } = prepared;
    if (tarball === undefined) throw new Error('there is no package to install');
    const project = new Project(mkdtempSync(join(folder, 'project-')));
    const about = { name: 'project', version: '1.0.0', private: true };
    writeFileSync(join(project.folder, 'package.json'), JSON.stringify(about));
    const install = ['npm', 'install', '--no-audit', '--no-fund', ...installOptions];
    // One of the examples relays by `ws`.
    await mustRun([...install, '--prefix', project.folder, tarball, 'ws'], {
      timeoutMs: INSTALL_MS,
    });
    cpSync(PROGRAMS, join(project.folder, 'programs'), { recursive: true });
    cpSync(join(ROOT, 'examples'), join(project.folder, 'examples'), { recursive: true });
    cpSync(join(ROOT, 'configs'), join(project.folder, 'configs'), { recursive: true });
    mkdirSync(join(project.folder, 'home'));
    return project;
  }

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** A shell command in this folder, by one of the Nodes. */
  run(node: NodeName, shell: string): Promise<RunResult> {
    const nodeFolder = prepared.nodes[node];
    if (nodeFolder === undefined) throw new Error(`there is no ${node} Node`);
    const path = `${nodeFolder}:${process.env['PATH'] ?? ''}`;
    return run(['sh', '-c', `cd "$PROJECT" && ${shell}`], {
      timeoutMs: RUN_MS,
      env: { ...QUIET, PROJECT: this.folder, PATH: path },
    });
  }

  /** Returns stdout. Throws when the exit code is not 0, or node warns of anything. */
  async mustRun(node: NodeName, shell: string): Promise<string> {
    const { code, stdout, stderr, timedOut } = await this.run(node, shell);
    if (timedOut || code !== 0)
      throw new Error(`${shell} ${timedOut ? 'took too long' : `ended with ${code}`}: ${stderr}`);
    expect(stderr, shell).not.toMatch(NODE_WARNING);
    return stdout;
  }
}

/** `(node:4711) [DEP0040] DeprecationWarning: ...`, ExperimentalWarning, and the like. */
const NODE_WARNING = /\(node:\d+\)|Warning:/;

/** What the runner of the tests sets for itself says nothing about a user's shell. */
const QUIET = {
  NODE_OPTIONS: '',
  NODE_ENV: '',
  NODE_NO_WARNINGS: '',
  NO_COLOR: '1',
  npm_config_update_notifier: 'false',
} as const;

/** What of `examples/` runs by itself: not what is a part of others, nor what says that it needs root. */
export function exampleNames(): string[] {
  const folder = join(ROOT, 'examples');
  const names = readdirSync(folder).filter((name) => name.endsWith('.mjs'));
  const sources = names.map((name) => readFileSync(join(folder, name), 'utf8'));
  return names.filter(
    (name, i) =>
      !/\bneeds root\b/i.test(sources[i] ?? '') &&
      !sources.some((source) => source.includes(`'./${name}'`)),
  );
}
