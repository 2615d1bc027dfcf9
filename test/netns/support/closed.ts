/** A client whose default route is a router that is its WireGuard server too, and what leaves it. */
import { mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect } from 'vitest';
import { eventually } from '../../support/waiting.js';
import { belongsToLink, Capture, type CapturedPacket, sourceOf } from './capture.js';
import type { Lab, LinkEnd, Namespace } from './lab.js';
import { endpoint, type Family, INNER, makeRouter, PORT } from './topology.js';
import { Client, type KeyPair, newKeyPair, WireguardGo } from './tunnel.js';

/** Of the server; reached through the tunnel, or past it by the default route. */
export const PUBLIC: { readonly v4: string; readonly v6: string } = {
  v4: '203.0.113.9',
  v6: '2001:db8:9::9',
};
/** A private network on the cable, and one behind the router. */
export const LAN: { readonly client: string; readonly server: string; readonly behind: string } = {
  client: '192.168.77.1',
  server: '192.168.77.2',
  behind: '10.99.0.1',
};

export interface Closed {
  readonly clientEnd: LinkEnd;
  readonly serverEnd: LinkEnd;
  readonly client: Client;
  readonly server: WireguardGo;
  readonly keys: { readonly client: KeyPair; readonly server: KeyPair };
}

export interface ClosedOptions {
  /** More lines of [Interface] and [Peer]. */
  readonly interfaceLines?: readonly string[];
  readonly peerLines?: readonly string[];
  readonly allowedIps?: string;
  readonly outer?: Family;
  /** Instead of the server's address on the cable. */
  readonly host?: string;
  readonly serverPort?: number;
  /** Networks behind the client. */
  readonly behindClient?: readonly string[];
}

/** The server is up, the client is not. */
export async function makeClosed(lab: Lab, options: ClosedOptions = {}): Promise<Closed> {
  const [here, there] = [await lab.namespace('client'), await lab.namespace('server')];
  const [clientEnd, serverEnd] = await lab.link(here, there);
  const { outer = 'v4', serverPort = PORT, behindClient = [] } = options;
  for (const family of ['v4', 'v6'] as const) {
    await here.ip(`route add default via ${serverEnd[family]}`);
    await there.ip(`addr add ${PUBLIC[family]}/${family === 'v4' ? 32 : 128} dev lo`);
  }
  await here.ip(`addr add ${LAN.client}/24 dev ${clientEnd.device}`);
  await there.ip(`addr add ${LAN.server}/24 dev ${serverEnd.device}`);
  await there.ip(`addr add ${LAN.behind}/32 dev lo`);
  await makeRouter(there);
  // A tunnel with DNS servers writes them there.
  if (options.interfaceLines?.some((line) => line.startsWith('DNS')))
    useNameServer(lab, here, serverEnd.v4);

  const keys = { client: newKeyPair(), server: newKeyPair() };
  const server = new WireguardGo(lab, there, {
    keys: keys.server,
    addresses: [`${INNER.server.v4}/24`, `${INNER.server.v6}/64`],
    listenPort: serverPort,
    peers: [
      {
        publicKey: keys.client.publicKey,
        allowedIps: [`${INNER.client.v4}/32`, `${INNER.client.v6}/128`, ...behindClient],
      },
    ],
  });
  await server.start();
  const lines = [
    '[Interface]',
    `PrivateKey = ${keys.client.privateKey}`,
    `Address = ${INNER.client.v4}/32, ${INNER.client.v6}/128`,
    ...(options.interfaceLines ?? []),
    '[Peer]',
    `PublicKey = ${keys.server.publicKey}`,
    `AllowedIPs = ${options.allowedIps ?? '0.0.0.0/0, ::/0'}`,
    `Endpoint = ${endpoint(options.host ?? serverEnd[outer], serverPort)}`,
    ...(options.peerLines ?? []),
  ];
  const client = new Client(lab, here, `${lines.join('\n')}\n`);
  // What outlives the client's process must not outlive the test.
  lab.onClose(async () => {
    if (lab.traces().some((file) => file.includes(client.name))) await client.tryDown();
  });
  return { clientEnd, serverEnd, client, server, keys };
}

/** Packets that leave by the client's cable and are neither of its tunnel nor the link's own. */
export class Leaks {
  readonly #capture: Capture;
  readonly #port: number;
  /** Whose packets come in. */
  readonly #others: readonly string[];

  private constructor(capture: Capture, port: number, others: readonly string[]) {
    this.#capture = capture;
    this.#port = port;
    this.#others = others;
  }

  static async watch(lab: Lab, { client, clientEnd, server, serverEnd }: Closed): Promise<Leaks> {
    const capture = await Capture.start(lab, client.namespace, clientEnd.device);
    const others = [serverEnd.v4, serverEnd.v6, ...Object.values(PUBLIC), LAN.server, LAN.behind];
    return new Leaks(capture, server.spec.listenPort ?? PORT, others);
  }

  /** Each in hexadecimal. */
  seen(): string[] {
    return this.#capture
      .packets()
      .filter((packet) => this.#isOutside(packet) && !belongsToLink(packet.ip))
      .map(({ ip }) => ip.toString('hex'));
  }

  /** Waits for as many; tcpdump sees a packet some time after its answer came. */
  async expectCount(count: number): Promise<void> {
    await expect.poll(() => this.seen(), { timeout: 10_000 }).toHaveLength(count);
  }

  /** `source port > destination port` of datagrams that are not the tunnel's. */
  datagrams(): string[] {
    return this.#capture
      .datagrams()
      .filter((packet) => this.#isOutside(packet))
      .map(({ sourcePort, destinationPort }) => `${sourcePort} > ${destinationPort}`);
  }

  /** How many of the tunnel's own packets there were. */
  tunnelled(): number {
    return this.#capture.packets().filter(({ ip }) => isTunnel(ip, this.#port)).length;
  }

  #isOutside({ ip }: CapturedPacket): boolean {
    return !this.#others.includes(sourceOf(ip)) && !isTunnel(ip, this.#port);
  }

  async stop(): Promise<void> {
    await this.#capture.stop();
  }
}

const UDP = 17;

/** A datagram from or to the port that begins like a message of WireGuard. */
function isTunnel(ip: Buffer, port: number): boolean {
  const isIpv4 = ip.readUInt8(0) >> 4 === 4;
  if (ip.readUInt8(isIpv4 ? 9 : 6) !== UDP) return false;
  const udp = ip.subarray(isIpv4 ? (ip.readUInt8(0) & 0x0f) * 4 : 40);
  if (udp.readUInt16BE(0) !== port && udp.readUInt16BE(2) !== port) return false;
  const type = udp.readUInt32LE(8);
  return type >= 1 && type <= 4 && udp.length >= 8 + 32;
}

/** As a crash ends it. */
export async function killDaemon({ client }: Closed): Promise<void> {
  for (const pid of await client.daemons()) process.kill(pid, 'SIGKILL');
  await eventually('the end of the daemon', 20_000, async () => {
    return (await client.daemons()).length === 0;
  });
}

/** Whether `address` answers in time, which may take a handshake. */
export async function reaches(
  namespace: Namespace,
  address: string,
  patienceSeconds = 15,
): Promise<boolean> {
  const patience = String(patienceSeconds);
  return (await namespace.run(['ping', '-n', '-c', '1', '-W', patience, address])).code === 0;
}

export interface Datagram {
  readonly to: string;
  readonly port: number;
  readonly from?: number;
  readonly text?: string;
}

/** Ignores failures: a packet that is dropped here is an error to its sender. */
export async function sendDatagram(namespace: Namespace, datagram: Datagram): Promise<void> {
  const { to, port, from = 0, text = 'hello' } = datagram;
  const script = `const socket = require('node:dgram').createSocket('udp${to.includes(':') ? 6 : 4}');
    socket.on('error', () => process.exit(0));
    socket.bind(${from}, () => socket.send('${text}', ${port}, '${to}', () => socket.close()));`;
  await namespace.run([process.execPath, '-e', script]);
}

/** Returns whether a connection was made within a second. */
export async function connects(namespace: Namespace, to: string, port: number): Promise<boolean> {
  const { code } = await namespace.run([
    ...['timeout', '1', 'bash', '-c'],
    `exec 3<>/dev/tcp/${to}/${port}`,
  ]);
  return code === 0;
}

/** `nameserver` lines for programs in the namespace, by ip-netns(8); removed with the lab. */
export function useNameServer(lab: Lab, namespace: Namespace, ...servers: string[]): void {
  const folder = `/etc/netns/${namespace.name}`;
  const made = mkdirSync(folder, { recursive: true });
  lab.onClose(async () => {
    rmSync(folder, { recursive: true, force: true });
    const parent = dirname(folder);
    if (made === parent && readdirSync(parent).length === 0) rmdirSync(parent);
  });
  const lines = servers.map((server) => `nameserver ${server}\n`);
  writeFileSync(`${folder}/resolv.conf`, `${lines.join('')}options timeout:1 attempts:1\n`);
}

/** Replies to each question for an A record with `address`, and to others with nothing. */
export function dnsServer(address: string): string {
  const octets = address.split('.').join(',');
  return `const socket = require('node:dgram').createSocket('udp4');
    socket.on('message', (query, { address, port }) => {
      let end = 12;
      while (query[end]) end += query[end] + 1;
      const isA = query.readUInt16BE(end + 1) === 1;
      const head = Buffer.from(query.subarray(0, end + 5));
      head.writeUInt16BE(0x8180, 2);
      head.writeUInt16BE(isA ? 1 : 0, 6);
      head.writeUInt32BE(0, 8);
      const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, ${octets}]);
      socket.send(isA ? Buffer.concat([head, answer]) : head, port, address);
    });
    socket.bind(53, () => console.log('answering'));`;
}
