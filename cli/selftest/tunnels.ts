/** Checks whole tunnels: from a real interface over UDP on loopback to one in memory, and back. */
import type { Secret } from '../../crypto/secret.js';
import type { NetConfig } from '../../network/netconfig.js';
import { formatIp, type IpPrefix, parsePrefix } from '../../protocol/ip.js';
import type { Config, InterfaceConfig } from '../../src/config/model.js';
import type { DataPlaneKind } from '../../src/dataplane/choice.js';
import type { Logger } from '../../src/index.js';
import { generatePrivateKey, publicKeyOf } from '../../src/keys.js';
import { memoryTunPair } from '../../tun/memory.js';
import { echoPackets } from '../pair/line.js';
import { addressPairs, bringUpPair } from '../pair/tunnels.js';
import { type Check, type CheckContext, failed, type Outcome, ok } from './check.js';
import type { Machine } from './machine.js';
import { NETWORK } from './network.js';
import { Prober } from './prober.js';

const NEAR = prefixes(NETWORK.addresses);
/** Addresses in the networks of the routes. */
const FAR = prefixes(['192.0.2.129', '2001:db8:5e1f:1::1']);
const PORT = 7777;
const MTU = 1420;
/** The largest datagram that fits into one packet: the MTU minus the headers of IPv4 and UDP. */
const DATAGRAM = MTU - 20 - 8;

const BARE: Omit<InterfaceConfig, 'privateKey' | 'addresses'> = {
  dnsServers: [],
  dnsSearch: [],
  mtu: MTU,
  table: 'auto',
  preUp: [],
  postUp: [],
  preDown: [],
  postDown: [],
  saveConfig: false,
};

export function tunnelChecks(
  machine: Machine,
  name: string,
  needs: Readonly<Record<DataPlaneKind, readonly string[]>>,
): readonly Check[] {
  return (['portable', 'native'] as const).map((dataPlane) => ({
    name: `tunnel, ${dataPlane} data plane`,
    needs: needs[dataPlane],
    run: (context) => checkTunnel(machine, name, dataPlane, context),
  }));
}

async function checkTunnel(
  machine: Machine,
  name: string,
  dataPlane: DataPlaneKind,
  { undo, signal }: CheckContext,
): Promise<Outcome> {
  const [nearKey, farKey] = [generatePrivateKey(), generatePrivateKey()];
  undo.push('the keys', () => {
    nearKey.zero();
    farKey.zero();
  });
  const near = tunnelConfig(nearKey, NEAR, publicKeyOf(farKey), FAR);
  const far = tunnelConfig(farKey, FAR, publicKeyOf(nearKey), NEAR);
  const [farTun, farHost] = memoryTunPair({ name: 'far' });
  echoPackets(farHost);
  const netConfig = withoutWatch(await machine.netConfig());
  const log: string[] = [];
  const both = { logger: loggerTo(log), signal };
  const pair = await bringUpPair({
    server: { ...both, config: far, name: 'far', tun: farTun, dataPlane: 'portable' },
    client: { ...both, config: near, name, netConfig, dataPlane },
  });
  undo.push('the tunnels', () => pair.close());

  const words: string[] = [];
  for (const [i, [from, to]] of addressPairs(near, far).entries()) {
    const address = formatIp(to);
    const prober = await Prober.open(formatIp(from), { address, port: PORT }, signal);
    try {
      words.push(await measure(prober, address, i === 0, signal));
    } finally {
      prober.close();
    }
  }
  const [peer] = pair.client.tunnel.peers();
  if (!peer || peer.latestHandshake === 0n) return failed('there were answers, but no handshake');
  await pair.close();
  const notes = log.length === 0 ? '' : `; logged: ${log.join('; ')}`;
  return ok(words.join('; ') + notes);
}

function tunnelConfig(
  privateKey: Secret,
  addresses: readonly IpPrefix[],
  publicKey: Uint8Array,
  others: readonly IpPrefix[],
): Config {
  const allowedIps = others.map(({ address }) => ({ address, length: address.length * 8 }));
  return {
    interface: { ...BARE, privateKey, addresses },
    peers: [{ publicKey, allowedIps }],
  };
}

async function measure(
  prober: Prober,
  address: string,
  isFlooded: boolean,
  signal: AbortSignal,
): Promise<string> {
  const { first, median } = await prober.ping(signal);
  const answer = `${address} answers in ${median.toFixed(2)} ms (first: ${first.toFixed(0)} ms)`;
  if (!isFlooded) return answer;
  const { megabits, returned } = await prober.flood(DATAGRAM, signal);
  const part = (returned * 100).toFixed(0);
  return `${answer}; UDP ${megabits.toFixed(0)} Mbit/s in each direction, ${part} % came back`;
}

/** No watching of routes: that of loopback never changes, and avoids every interface that would be chosen. */
function withoutWatch(system: NetConfig): NetConfig {
  return {
    mtuTowards: (address) => system.mtuTowards(address),
    freeTable: () => system.freeTable(),
    plan: (settings) => system.plan(settings),
    undo: (commands, onError) => system.undo(commands, onError),
  };
}

function loggerTo(lines: string[]): Logger {
  const add = (line: string): number => lines.push(line);
  return { debug: () => undefined, info: () => undefined, warn: add, error: add };
}

function prefixes(texts: readonly string[]): IpPrefix[] {
  return texts.map((text) => parsePrefix(text)).filter((prefix) => prefix !== undefined);
}
