import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { formatIp } from '../../protocol/index.js';
import { type Config, formatConfig } from '../../src/index.js';
import { print } from '../output.js';
import { addressPairs, withEndpoint } from '../pair/tunnels.js';
import type { EndConfigs } from './ends.js';

/** From the range for tests between two machines (RFC 2544). */
const OUTER = { client: '198.18.77.1', server: '198.18.77.2' } as const;
type Side = keyof typeof OUTER;
const SIDES: readonly Side[] = ['server', 'client'];
const CABLE = 'cable0';
/** The PATH of root may lack the folders of administration programs. */
const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;

/** Resolves to why the demo cannot use real interfaces here, or to undefined when it can. */
export async function whyNoNamespaces(): Promise<string | undefined> {
  if (process.geteuid?.() !== 0) return 'real interfaces need root';
  try {
    closeSync(openSync('/dev/net/tun', 'r+'));
  } catch {
    return 'there is no usable /dev/net/tun';
  }
  const probe = `wg-ts-demo-${randomBytes(3).toString('hex')}`;
  if ((await run(['ip', 'netns', 'add', probe])).code !== 0)
    return 'network namespaces cannot be created here';
  await run(['ip', 'netns', 'del', probe]);
  if ((await run(['ping', '-V'])).code !== 0) return 'ping is not installed';
  return undefined;
}

/** Runs `up`, `show` and `down` of this program. Throws when anything does not work. */
export async function runNamespaceDemo(
  { client, server }: EndConfigs,
  signal: AbortSignal,
): Promise<void> {
  const lab = new DemoLab(signal);
  try {
    const port = server.interface.listenPort ?? 51_820;
    await lab.build();
    lab.configure('server', server);
    lab.configure('client', withEndpoint(client, OUTER.server, port));
    await lab.wgTs('server', 'up');
    await lab.wgTs('client', 'up');
    const hasIpv6 = await lab.hasIpv6();
    for (const [, to] of addressPairs(client, server)) {
      if (to.length === 4 || hasIpv6) await lab.ping(formatIp(to));
      else print('\n(IPv6 is disabled on this machine)\n');
    }
    await lab.wgTs('client', 'show');
    await lab.wgTs('client', 'down');
    await lab.wgTs('server', 'down');
  } finally {
    await lab.remove();
  }
  print('\nThe interfaces and namespaces are removed.\n');
}

class DemoLab {
  readonly #signal: AbortSignal;
  readonly #id = randomBytes(2).toString('hex');
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'wg-ts-demo-'));
  readonly #up = new Set<Side>();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  async build(): Promise<void> {
    const [a, b] = [this.#namespace('client'), this.#namespace('server')];
    for (const side of SIDES) await this.#must(['ip', 'netns', 'add', this.#namespace(side)]);
    const ends = ['netns', a, 'type', 'veth', 'peer', 'name', CABLE, 'netns', b];
    await this.#must(['ip', 'link', 'add', CABLE, ...ends]);
    for (const side of SIDES) {
      const ip = ['ip', '-n', this.#namespace(side)];
      await this.#must([...ip, 'link', 'set', 'lo', 'up']);
      await this.#must([...ip, 'address', 'add', `${OUTER[side]}/24`, 'dev', CABLE]);
      await this.#must([...ip, 'link', 'set', CABLE, 'up']);
    }
  }

  configure(side: Side, config: Config): void {
    writeFileSync(this.#file(side), formatConfig(config), { mode: 0o600 });
  }

  async hasIpv6(): Promise<boolean> {
    const { output } = await run(this.#inside('client', ['cat', '/proc/net/if_inet6']));
    return output.trim() !== '';
  }

  async ping(address: string): Promise<void> {
    print(`\nclient$ ping ${address}\n`);
    const argv = ['ping', '-n', '-c', '3', '-i', '0.2', '-W', '5', address];
    const output = await this.#must(this.#inside('client', argv));
    print(indent(output));
    if (!output.includes(' 0% packet loss')) throw new Error(`pings to ${address} were lost`);
  }

  async wgTs(side: Side, verb: 'up' | 'show' | 'down'): Promise<void> {
    const target = verb === 'show' ? this.#interface(side) : this.#file(side);
    print(`\n${side}$ wg-ts ${verb} ${path.basename(target)}\n`);
    if (verb === 'up') this.#up.add(side);
    print(indent(await this.#must(this.#wgTsCommand(side, verb, target))));
    if (verb === 'down') this.#up.delete(side);
  }

  /** Removes everything, at whatever point the demo ended; parts that are already gone are skipped. */
  async remove(): Promise<void> {
    for (const side of this.#up) await run(this.#wgTsCommand(side, 'down', this.#file(side)));
    for (const side of SIDES) {
      await this.#killRest(this.#namespace(side));
      await run(['ip', 'netns', 'del', this.#namespace(side)]);
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Every process in a namespace of the demo was started by it. */
  async #killRest(namespace: string): Promise<void> {
    const { code, output } = await run(['ip', 'netns', 'pids', namespace]);
    if (code !== 0) return;
    for (const pid of output.split('\n').filter((line) => /^\d+$/.test(line))) {
      try {
        process.kill(Number(pid), 'SIGKILL');
      } catch {
        // It has ended in the meantime.
      }
    }
  }

  #namespace(side: Side): string {
    return `wg-ts-demo-${this.#id}-${side}`;
  }

  #interface(side: Side): string {
    return `demo${this.#id}-${side}`;
  }

  #file(side: Side): string {
    return path.join(this.#folder, `${this.#interface(side)}.conf`);
  }

  #inside(side: Side, argv: readonly string[]): string[] {
    return ['ip', 'netns', 'exec', this.#namespace(side), ...argv];
  }

  #wgTsCommand(side: Side, verb: string, target: string): string[] {
    return this.#inside(side, [process.execPath, process.argv[1] ?? '', verb, target]);
  }

  async #must(argv: readonly string[]): Promise<string> {
    const { code, output } = await run(argv, this.#signal);
    this.#signal.throwIfAborted();
    if (code !== 0) throw new Error(`${argv.join(' ')} failed: ${output.trim()}`);
    return output;
  }
}

interface Outcome {
  /** Not 0 if the program does not exist. */
  readonly code: number;
  /** stdout and stderr. */
  readonly output: string;
}

/**
 * Runs a program in a session of its own, so that Ctrl-C does not interrupt the clean-up. `signal` ends it
 * with SIGTERM; the promise still waits for its end.
 */
function run([program = '', ...args]: readonly string[], signal?: AbortSignal): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      detached: true,
      env: { ...process.env, PATH, LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(signal && { signal }),
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
    // `close` follows.
    child.on('error', () => undefined);
    child.once('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

function indent(text: string): string {
  return `${text.trimEnd().replace(/^(?=.)/gm, '  ')}\n`;
}
