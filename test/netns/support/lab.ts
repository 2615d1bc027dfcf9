import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test as base, type TestAPI } from 'vitest';
import { mustRun, Running, type RunOptions, type RunResult, run } from './process.js';

/** Folders in which a tunnel leaves traces that are named after its interface. */
const TRACES: readonly string[] = ['/var/run/wireguard', '/run/wg-ts'];

/** A network namespace with loopback up. Addresses in it are usable at once (no DAD). */
export class Namespace {
  readonly name: string;
  readonly #lab: Lab;

  constructor(lab: Lab, name: string) {
    this.#lab = lab;
    this.name = name;
  }

  run(argv: readonly string[], options?: RunOptions): Promise<RunResult> {
    return run(this.inside(argv), options);
  }

  mustRun(argv: readonly string[], options?: RunOptions): Promise<string> {
    return mustRun(this.inside(argv), options);
  }

  /** Starts a program that the lab ends, when nobody else did. */
  spawn(argv: readonly string[], env?: Readonly<Record<string, string>>): Running {
    const running = new Running(this.inside(argv), env);
    this.#lab.onClose(async () => {
      await running.stop();
    });
    return running;
  }

  /** `ip` with arguments separated by blanks. */
  ip(args: string): Promise<string> {
    return mustRun(['ip', '-n', this.name, ...args.split(' ')]);
  }

  async pids(): Promise<number[]> {
    const lines = await mustRun(['ip', 'netns', 'pids', this.name]);
    return lines.split('\n').filter(Boolean).map(Number);
  }

  /** Everything of the network that a tunnel may change, as text to compare. */
  async snapshot(): Promise<string> {
    const parts: string[] = [];
    for (const what of [
      'link',
      'addr',
      'route show table all',
      '-6 route show table all',
      'rule',
      '-6 rule',
    ])
      parts.push(await this.ip(`-oneline ${what}`));
    if (existsSync('/usr/sbin/nft')) parts.push(await this.mustRun(['nft', 'list', 'ruleset']));
    return parts.join('---\n').replaceAll(/ (expires|valid_lft|preferred_lft) \S+/g, '');
  }

  inside(argv: readonly string[]): string[] {
    return ['ip', 'netns', 'exec', this.name, ...argv];
  }
}

export interface LinkEnd {
  readonly namespace: Namespace;
  readonly device: string;
  readonly v4: string;
  readonly v6: string;
}

export interface InterfaceHandle {
  readonly name: string;
}

/** Namespaces and cables of one test, with everything that runs in them. */
export class Lab {
  readonly id: string = randomBytes(2).toString('hex');
  /** For configuration and capture files. */
  readonly folder: string = mkdtempSync(join(tmpdir(), 'wg-ts-lab-'));
  readonly #namespaces: Namespace[] = [];
  readonly #cleanups: (() => Promise<void>)[] = [];
  readonly #interfaces: string[] = [];
  #links = 0;

  async namespace(label: string): Promise<Namespace> {
    const namespace = new Namespace(this, `wgts-${this.id}-${label}`);
    await mustRun(['ip', 'netns', 'add', namespace.name]);
    this.#namespaces.push(namespace);
    await namespace.mustRun([
      'sysctl',
      '-qw',
      'net.ipv6.conf.all.accept_dad=0',
      'net.ipv6.conf.default.accept_dad=0',
    ]);
    await namespace.ip('link set lo up');
    return namespace;
  }

  /** A cable with the networks 198.18.N.0/24 and 2001:db8:N::/64: `a` is .1 and `b` is .2. */
  async link(a: Namespace, b: Namespace): Promise<readonly [LinkEnd, LinkEnd]> {
    const n = ++this.#links;
    const device = `veth${n}`;
    await mustRun([
      ...`ip link add ${device} netns ${a.name} type veth peer name ${device} netns ${b.name}`.split(
        ' ',
      ),
    ]);
    const end = async (namespace: Namespace, host: number): Promise<LinkEnd> => {
      const v4 = `198.18.${n}.${host}`;
      const v6 = `2001:db8:${n}::${host}`;
      await namespace.ip(`addr add ${v4}/24 dev ${device}`);
      await namespace.ip(`-6 addr add ${v6}/64 dev ${device} nodad`);
      await namespace.ip(`link set ${device} up`);
      return { namespace, device, v4, v6 };
    };
    return [await end(a, 1), await end(b, 2)];
  }

  /** Namespaces share /var/run, so a tunnel's name is unique on the machine. 15 characters at most. */
  interfaceName(): string {
    const name = `wgts${this.id}n${this.#interfaces.length}`;
    this.#interfaces.push(name);
    return name;
  }

  /** Cleanups run in reverse order. Each must be harmless when its work is already done. */
  onClose(cleanup: () => Promise<void>): void {
    this.#cleanups.push(cleanup);
  }

  /** What tunnels of this lab have left in /var/run/wireguard and /run/wg-ts. */
  traces(): string[] {
    return TRACES.filter((folder) => existsSync(folder)).flatMap((folder) =>
      readdirSync(folder)
        .filter((file) => this.#interfaces.some((name) => file.includes(name)))
        .map((file) => join(folder, file)),
    );
  }

  /** Ends and removes everything. Throws afterwards when something was left that should not be. */
  async close(): Promise<void> {
    const complaints: string[] = [];
    const attempt = async (action: () => Promise<unknown>): Promise<void> => {
      try {
        await action();
      } catch (error) {
        complaints.push(error instanceof Error ? error.message : String(error));
      }
    };
    for (const cleanup of this.#cleanups.splice(0).reverse()) await attempt(cleanup);
    for (const namespace of this.#namespaces.splice(0)) {
      await attempt(async () => {
        for (const pid of await namespace.pids()) {
          complaints.push(`process ${pid} was left in ${namespace.name}`);
          process.kill(pid, 'SIGKILL');
        }
      });
      await attempt(() => mustRun(['ip', 'netns', 'del', namespace.name]));
    }
    for (const trace of this.traces()) {
      complaints.push(`${trace} was left`);
      rmSync(trace, { recursive: true, force: true });
    }
    rmSync(this.folder, { recursive: true, force: true });
    if (complaints.length > 0) throw new Error(complaints.join('; '));
  }
}

/** A test with a lab of its own, which is closed whatever becomes of the test. */
export const labTest: TestAPI<{ lab: Lab }> = base.extend<{ lab: Lab }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures wanted from the pattern.
  lab: async ({}, use) => {
    const lab = new Lab();
    try {
      await use(lab);
    } finally {
      await lab.close();
    }
  },
});
