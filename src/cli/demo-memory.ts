import { setTimeout as sleep } from 'node:timers/promises';
import { formatIp, type IpPrefix } from '../../protocol/index.js';
import { type Config, memoryTunPair, type Tun, Tunnel, UdpError } from '../index.js';
import { formatInterface } from '../wg/show-text.js';
import { echoReply, echoRequest, isReplyTo } from './echo.js';
import { print, stdoutColors } from './output.js';

/** Traffic to and from other machines is impossible this way. */
const LOOPBACK_ONLY = { ipv4Address: '127.0.0.1', ipv6: false } as const;
const LOOPBACK = '127.0.0.1';
const PINGS = 4;
const PING_TIMEOUT_MS = 5000;

/**
 * Both ends in one process: real handshakes and real UDP, and in place of network interfaces two
 * pairs in memory. Throws when anything does not work.
 */
export async function runMemoryDemo(
  client: Config,
  server: Config,
  signal: AbortSignal,
): Promise<void> {
  const [clientTun, clientHost] = memoryTunPair({ name: 'client' });
  const { tunnel: serverTunnel, host: serverHost } = await upOnFreePort(server);
  const port = serverTunnel.status().listenPort;
  print(`  server of configs/server.conf listens on ${LOOPBACK}:${port}\n`);
  let clientTunnel: Tunnel | undefined;
  try {
    clientTunnel = await Tunnel.up(withEndpoint(client, LOOPBACK, port), {
      name: 'client',
      tun: clientTun,
      udp: LOOPBACK_ONLY,
      signal,
    });
    print(
      `  client of configs/demo.conf sends to it from port ${clientTunnel.status().listenPort}\n`,
    );
    serverHost.start(
      (packets) => {
        for (const packet of packets) {
          const reply = echoReply(packet);
          if (reply) serverHost.write(reply);
        }
      },
      () => undefined,
    );
    const ping = pingThrough(clientHost, signal);
    for (const [from, to] of addressPairs(client, server)) await ping(from, to);
    await showOutcome(clientTunnel, serverTunnel);
  } finally {
    await clientTunnel?.down();
    await serverTunnel.down();
  }
  print('\nBoth ends are down again.\n');
}

/** A tunnel and the machine behind it. */
interface End {
  readonly tunnel: Tunnel;
  readonly host: Tun;
}

async function upOnFreePort(server: Config): Promise<End> {
  try {
    return await serverUp(server);
  } catch (error) {
    if (!(error instanceof UdpError) || error.code !== 'ERR_PORT_IN_USE') throw error;
    print(`  port ${server.interface.listenPort} is in use, so the system chooses another one\n`);
    const { listenPort, ...rest } = server.interface;
    return await serverUp({ ...server, interface: rest });
  }
}

/** A device that a failed bring-up has closed cannot be used again. */
async function serverUp(server: Config): Promise<End> {
  const [tun, host] = memoryTunPair({ name: 'server' });
  return { tunnel: await Tunnel.up(server, { name: 'server', tun, udp: LOOPBACK_ONLY }), host };
}

/** All peers of `config` are at this place. */
export function withEndpoint(config: Config, host: string, port: number): Config {
  return { ...config, peers: config.peers.map((peer) => ({ ...peer, endpoint: { host, port } })) };
}

/** The addresses inside of the tunnel, family by family. */
export function addressPairs(client: Config, server: Config): [Uint8Array, Uint8Array][] {
  const first = ({ interface: { addresses } }: Config, length: number): IpPrefix | undefined =>
    addresses.find(({ address }) => address.length === length);
  return [4, 16].flatMap((length) => {
    const [from, to] = [first(client, length), first(server, length)];
    return from && to ? [[from.address, to.address] as [Uint8Array, Uint8Array]] : [];
  });
}

function pingThrough(
  host: Tun,
  signal: AbortSignal,
): (from: Uint8Array, to: Uint8Array) => Promise<void> {
  let isFirst = true;
  let onPacket = (_: Uint8Array): void => undefined;
  host.start(
    (packets) => {
      for (const packet of packets) onPacket(packet);
    },
    () => undefined,
  );
  return async (from, to) => {
    print(`\nping ${formatIp(to)}\n`);
    for (let sequence = 1; sequence <= PINGS; sequence++) {
      const request = echoRequest(from, to, sequence);
      const sentAt = performance.now();
      const replied = new Promise<number>((resolve) => {
        onPacket = (packet) => {
          if (isReplyTo(request, packet)) resolve(performance.now() - sentAt);
        };
      });
      host.write(request);
      const time = await Promise.race([replied, timeout(signal)]);
      const note = isFirst ? ' (the first one waits for the handshake)' : '';
      isFirst = false;
      print(`  reply ${sequence} from ${formatIp(to)}: ${time.toFixed(2)} ms${note}\n`);
    }
  };
}

async function timeout(signal: AbortSignal): Promise<never> {
  await sleep(PING_TIMEOUT_MS, undefined, { signal, ref: false });
  throw new Error(`no reply came through the tunnel within ${PING_TIMEOUT_MS / 1000} s`);
}

async function showOutcome(client: Tunnel, server: Tunnel): Promise<void> {
  const [atClient, atServer] = [client.status(), server.status()];
  const now = Math.floor(Date.now() / 1000);
  print(`\n${formatInterface(atClient, stdoutColors().isColorSupported, now)}`);
  const isComplete = [atClient, atServer].every(({ peers }) =>
    peers.every((peer) => peer.latestHandshake > 0n && peer.rxBytes > 0n && peer.txBytes > 0n),
  );
  if (!isComplete) throw new Error('the pings came back, but not through the tunnel');
}
