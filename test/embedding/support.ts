/** Two tunnels against each other in one process, as a program would connect them. */
import { describe, expect } from 'vitest';
import {
  type ConnectOptions,
  connect,
  type DataPlaneKind,
  MemoryTun,
  type Tunnel,
} from '../../src/index.js';
import { whyNoNativeLibrary } from '../native/library.js';
import { configOf, type Keys, LOOPBACK, newKeys } from '../src/support.js';
import { ipPacket } from '../support/packets.js';
import { waitFor } from '../support/waiting.js';

/** The same tests on either data plane; of one that does not load they are skipped with the reason. */
export function describeOnPlanes(name: string, body: (dataPlane: DataPlaneKind) => void): void {
  for (const plane of ['portable', 'native'] as const) {
    const why = plane === 'native' ? whyNoNativeLibrary : undefined;
    const skipped = why === undefined ? '' : `, skipped: ${why}`;
    describe.skipIf(why !== undefined)(`${name} (${plane}${skipped})`, () => body(plane));
  }
}

export interface PairOptions {
  /** Of both, where they do not choose for themselves. */
  readonly dataPlane?: DataPlaneKind;
  readonly a?: ConnectOptions;
  readonly b?: ConnectOptions;
  /** Further lines of the section of b in a's configuration. */
  readonly peerOfA?: readonly string[];
}

/** `a` knows where `b` is; they have 10.9.0.1 and 10.9.0.2. */
export class ConnectedPair {
  readonly keysA: Keys = newKeys();
  readonly keysB: Keys = newKeys();
  readonly tunA: MemoryTun = new MemoryTun({ name: 'a' });
  readonly tunB: MemoryTun = new MemoryTun({ name: 'b' });
  a!: Tunnel;
  b!: Tunnel;

  static async open(options: PairOptions = {}): Promise<ConnectedPair> {
    const pair = new ConnectedPair();
    const { keysA, keysB, tunA, tunB } = pair;
    const { dataPlane = 'portable' } = options;
    const common = { udp: LOOPBACK, dataPlane };
    const peerA = [`PublicKey = ${keysA.publicKey}`, 'AllowedIPs = 10.9.0.1/32'];
    const configB = configOf(keysB.privateKey, [], peerA);
    pair.b = await connect(configB, { ...common, ...options.b, tun: tunB });
    const configA = configOf(keysA.privateKey, [], pair.peerB(options.peerOfA));
    pair.a = await connect(configA, { ...common, ...options.a, tun: tunA });
    return pair;
  }

  /** The section of b in a's configuration. */
  peerB(more: readonly string[] = []): string[] {
    return [
      `PublicKey = ${this.keysB.publicKey}`,
      'AllowedIPs = 10.9.0.2/32',
      `Endpoint = 127.0.0.1:${this.b.listenPort}`,
      ...more,
    ];
  }

  /** A packet from a to b, and one back. */
  async talk(text = 'hello'): Promise<void> {
    const there = ipPacket('10.9.0.1', '10.9.0.2', text);
    this.tunA.inject(there);
    await waitFor(() => expect(this.tunB.received).toContainEqual(there));
    const back = ipPacket('10.9.0.2', '10.9.0.1', text);
    this.tunB.inject(back);
    await waitFor(() => expect(this.tunA.received).toContainEqual(back));
  }

  async close(): Promise<void> {
    await Promise.all([this.a?.close(), this.b?.close()]);
  }
}
