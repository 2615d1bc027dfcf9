import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeKey } from '../../../src/config/key.js';
import { generatePrivateKey, publicKeyOf } from '../../../src/keys.js';
import type { Lab, Namespace } from './lab.js';
import { mustRun, type Running, type RunResult, run } from './process.js';
import { CLI, isReference } from './requirements.js';

export interface KeyPair {
  readonly privateKey: string;
  readonly publicKey: string;
}

/**
 * Base64, as in configuration files. Not by `generateKeyPairSync`: in Node 20 its export as JWK can wait
 * for itself without end when garbage is collected meanwhile.
 */
export function newKeyPair(): KeyPair {
  const key = generatePrivateKey();
  return { privateKey: encodeKey(key.expose()), publicKey: encodeKey(publicKeyOf(key)) };
}

export function newPresharedKey(): string {
  return randomBytes(32).toString('base64');
}

export interface TunnelSpec {
  readonly keys: KeyPair;
  readonly addresses: readonly string[];
  readonly listenPort?: number;
  readonly mtu?: number;
  readonly peers: readonly PeerSpec[];
}

export interface PeerSpec {
  readonly publicKey: string;
  readonly presharedKey?: string;
  readonly allowedIps: readonly string[];
  readonly endpoint?: string;
  readonly keepalive?: number;
}

/** One line of `wg show NAME dump`. */
export interface PeerStatus {
  readonly publicKey: string;
  /** Empty when none is known. */
  readonly endpoint: string;
  /** Unix seconds, 0 for never. */
  readonly latestHandshake: number;
  readonly rxBytes: number;
  readonly txBytes: number;
}

/** Asks the tunnel itself through its UAPI socket, whichever program runs it. */
export async function peersOf(interfaceName: string): Promise<PeerStatus[]> {
  const dump = await mustRun(['wg', 'show', interfaceName, 'dump']);
  return dump
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => {
      const [publicKey = '', , endpoint = '', , handshake, rx, tx] = line.split('\t');
      return {
        publicKey,
        endpoint: endpoint === '(none)' ? '' : endpoint,
        latestHandshake: Number(handshake),
        rxBytes: Number(rx),
        txBytes: Number(tx),
      };
    });
}

/** The only peer of a tunnel. Throws when there are none or more. */
export async function peerOf(interfaceName: string): Promise<PeerStatus> {
  const [peer, ...others] = await peersOf(interfaceName);
  if (peer === undefined || others.length > 0)
    throw new Error(`${interfaceName} has ${others.length + (peer ? 1 : 0)} peers`);
  return peer;
}

/** wireguard-go in the foreground, with addresses and routes set by hand. */
export class WireguardGo {
  readonly name: string;
  readonly namespace: Namespace;
  readonly spec: TunnelSpec;
  readonly #file: string;
  #process: Running | undefined;

  constructor(lab: Lab, namespace: Namespace, spec: TunnelSpec) {
    this.name = lab.interfaceName();
    this.#file = join(lab.folder, `${this.name}.conf`);
    writeFileSync(this.#file, wgConfig(spec), { mode: 0o600 });
    this.namespace = namespace;
    this.spec = spec;
  }

  async start(): Promise<void> {
    this.#process = this.namespace.spawn(['wireguard-go', '--foreground', this.name], {
      LOG_LEVEL: 'verbose',
    });
    await this.#process.says(/UAPI listener started/);
    await mustRun(['wg', 'setconf', this.name, this.#file]);
    for (const address of this.spec.addresses)
      await this.namespace.ip(
        `addr add ${address} dev ${this.name}${address.includes(':') ? ' nodad' : ''}`,
      );
    await this.namespace.ip(`link set ${this.name} mtu ${this.spec.mtu ?? 1420} up`);
    for (const network of this.spec.peers.flatMap((peer) => peer.allowedIps))
      await this.namespace.ip(`route replace ${network} dev ${this.name}`);
  }

  /** The interface goes with the process. */
  async stop(): Promise<void> {
    await this.#process?.stop();
    this.#process = undefined;
  }

  peer(): Promise<PeerStatus> {
    return peerOf(this.name);
  }
}

export type Environment = Readonly<Record<string, string>>;

/** A tunnel of the client under test, from a configuration file of mode 0600. */
export class Client {
  readonly name: string;
  readonly namespace: Namespace;
  readonly file: string;
  readonly #spec: TunnelSpec | string;
  readonly #env: Environment;
  readonly #lab: Lab;

  /** `spec` may be the text of a configuration file, also a wrong one. */
  constructor(lab: Lab, namespace: Namespace, spec: TunnelSpec | string, env: Environment = {}) {
    this.#lab = lab;
    this.#spec = spec;
    this.#env = { ...clientEnv, ...env };
    this.name = lab.interfaceName();
    this.namespace = namespace;
    this.file = join(lab.folder, `${this.name}.conf`);
    const text = typeof spec === 'string' ? spec : quickConfig(spec);
    writeFileSync(this.file, text, { mode: 0o600 });
  }

  /** Throws for a client that was made from mere text. */
  spec(): TunnelSpec {
    if (typeof this.#spec === 'string') throw new Error('this client has only text');
    return this.#spec;
  }

  /** Throws when it fails; the tunnel is taken down when the lab closes. */
  async up(): Promise<void> {
    const result = await this.tryUp();
    if (result.code !== 0)
      throw new Error(`up ended with ${result.code}: ${result.stderr}${result.stdout}`);
  }

  async tryUp(env: Environment = {}): Promise<RunResult> {
    this.#lab.onClose(async () => {
      if ((await this.daemons()).length > 0) await this.down();
    });
    return this.namespace.run(command('up', this.file), { env: { ...this.#env, ...env } });
  }

  async down(): Promise<void> {
    const result = await this.tryDown();
    if (result.code !== 0)
      throw new Error(`down ended with ${result.code}: ${result.stderr}${result.stdout}`);
  }

  tryDown(): Promise<RunResult> {
    return this.namespace.run(command('down', this.file), { env: this.#env });
  }

  /** In the foreground; the lab ends it when the test does not. */
  async spawnForeground(): Promise<Running> {
    const running = this.namespace.spawn(command('up', '--foreground', this.file), this.#env);
    await running.says(/: up \(pid \d+/);
    return running;
  }

  /** Processes in the namespace that run a tunnel in the background, of this or another client. */
  async daemons(): Promise<number[]> {
    const pattern = isReference ? 'wireguard-go' : CLI;
    const matches: number[] = [];
    for (const pid of await this.namespace.pids()) {
      const { stdout } = await run(['ps', '-o', 'args=', '-p', String(pid)]);
      if (stdout.includes(pattern)) matches.push(pid);
    }
    return matches;
  }

  peer(): Promise<PeerStatus> {
    return peerOf(this.name);
  }
}

/** The tool's own command line. */
export function command(...args: readonly string[]): string[] {
  if (!isReference) return [process.execPath, CLI, ...args];
  return ['wg-quick', ...args];
}

const clientEnv: Environment = isReference
  ? { WG_QUICK_USERSPACE_IMPLEMENTATION: 'wireguard-go' }
  : {};

function wgConfig(spec: TunnelSpec): string {
  const lines = ['[Interface]', `PrivateKey = ${spec.keys.privateKey}`];
  if (spec.listenPort !== undefined) lines.push(`ListenPort = ${spec.listenPort}`);
  return [...lines, ...spec.peers.flatMap(peerSection)].join('\n').concat('\n');
}

function quickConfig(spec: TunnelSpec): string {
  const lines = [
    '[Interface]',
    `PrivateKey = ${spec.keys.privateKey}`,
    `Address = ${spec.addresses.join(', ')}`,
  ];
  if (spec.listenPort !== undefined) lines.push(`ListenPort = ${spec.listenPort}`);
  if (spec.mtu !== undefined) lines.push(`MTU = ${spec.mtu}`);
  return [...lines, ...spec.peers.flatMap(peerSection)].join('\n').concat('\n');
}

function peerSection(peer: PeerSpec): string[] {
  const lines = ['[Peer]', `PublicKey = ${peer.publicKey}`];
  if (peer.presharedKey !== undefined) lines.push(`PresharedKey = ${peer.presharedKey}`);
  if (peer.allowedIps.length > 0) lines.push(`AllowedIPs = ${peer.allowedIps.join(', ')}`);
  if (peer.endpoint !== undefined) lines.push(`Endpoint = ${peer.endpoint}`);
  if (peer.keepalive !== undefined) lines.push(`PersistentKeepalive = ${peer.keepalive}`);
  return lines;
}
