/** Whole tunnels: from an interface of the system's by UDP on loopback to one in memory, and back. */

import type { NetConfig } from '../../network/netconfig.js';
import { parsePrefix } from '../../protocol/ip.js';
import type { Config, InterfaceConfig } from '../../src/config/model.js';
import type { DataPlaneKind } from '../../src/dataplane/choice.js';
import { generatePrivateKey, publicKeyOf } from '../../src/keys.js';
import type { Logger } from '../../src/logger.js';
import { connect } from '../../src/tunnel/connect.js';
import { memoryTunPair } from '../../tun/memory.js';
import type { Tun } from '../../tun/tun.js';
import { type Check, type CheckContext, failed, type Outcome, ok } from './check.js';
import type { Machine } from './machine.js';
import { Prober } from './prober.js';
import { udpEcho } from './udpecho.js';

const LOOPBACK = { ipv4Address: '127.0.0.1', ipv6: false } as const;
const NEAR = ['192.0.2.1/25', '2001:db8:5e1f::1/64'];
const FAR = ['192.0.2.129', '2001:db8:5e1f:1::1'];
const PORT = 7777;
const MTU = 1420;
/** The greatest datagrams that fit into one packet: less the headers of IPv4 and UDP. */
const DATAGRAM = MTU - 20 - 8;

const BARE: Omit<InterfaceConfig, 'privateKey'> = {
  addresses: [],
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
  const [farTun, farHost] = memoryTunPair({ name: 'far' });
  const farConfig: Config = {
    interface: { ...BARE, privateKey: farKey },
    peers: [{ publicKey: publicKeyOf(nearKey), allowedIps: prefixes(NEAR.map(singleAddress)) }],
  };
  const log: string[] = [];
  const far = await connect(farConfig, {
    name: 'far',
    tun: farTun,
    udp: LOOPBACK,
    dataPlane: 'portable',
    logger: loggerTo(log),
  });
  undo.push('the far end', () => far.close());
  echoUdp(farHost);
  const endpoint = { host: LOOPBACK.ipv4Address, port: far.status().listenPort };
  const nearConfig: Config = {
    interface: { ...BARE, privateKey: nearKey, addresses: prefixes(NEAR) },
    peers: [
      { publicKey: publicKeyOf(farKey), allowedIps: prefixes(FAR.map(singleAddress)), endpoint },
    ],
  };
  const near = await connect(nearConfig, {
    name,
    netConfig: withoutWatch(await machine.netConfig()),
    udp: LOOPBACK,
    dataPlane,
    logger: loggerTo(log),
    signal,
  });
  undo.push('the tunnel', () => near.close());

  const words: string[] = [];
  for (const [i, address] of FAR.entries()) {
    const prober = await Prober.open(withoutLength(NEAR[i] ?? ''), { address, port: PORT }, signal);
    try {
      words.push(await measure(prober, address, i === 0, signal));
    } finally {
      prober.close();
    }
  }
  const [peer] = near.status().peers;
  if (!peer || peer.latestHandshake === 0n) return failed('answers came, but not by a handshake');
  await near.close();
  await far.close();
  const notes = log.length === 0 ? '' : `; logged: ${log.join('; ')}`;
  return ok(words.join('; ') + notes);
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
  return `${answer}; UDP ${megabits.toFixed(0)} Mbit/s each way, ${part} % came back`;
}

/** The route of loopback never changes, and leads past every interface that would be chosen. */
function withoutWatch(system: NetConfig): NetConfig {
  return {
    mtuTowards: (address) => system.mtuTowards(address),
    freeTable: () => system.freeTable(),
    plan: (settings) => system.plan(settings),
    undo: (commands, onError) => system.undo(commands, onError),
  };
}

function echoUdp(host: Tun): void {
  host.start(
    (packets) => {
      for (const packet of packets) {
        const answer = udpEcho(packet);
        if (answer) host.write(answer);
      }
    },
    () => undefined,
  );
}

function loggerTo(lines: string[]): Logger {
  const add = (line: string): number => lines.push(line);
  return { debug: () => undefined, info: () => undefined, warn: add, error: add };
}

function prefixes(texts: readonly string[]): Config['peers'][number]['allowedIps'] {
  return texts.map((text) => parsePrefix(text)).filter((prefix) => prefix !== undefined);
}

function singleAddress(text: string): string {
  const address = withoutLength(text);
  return `${address}/${address.includes(':') ? 128 : 32}`;
}

function withoutLength(text: string): string {
  return text.replace(/\/\d+$/, '');
}
