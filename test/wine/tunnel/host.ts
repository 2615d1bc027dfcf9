/**
 * The Windows end of a tunnel under test: node host.ts SETTINGS READY. Runs under Wine, with stand-ins
 * for what Wine lacks; it obeys lines on a TCP connection.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { parseConfig } from '../../../src/index.js';
import { connectProgram } from '../../../src/program.js';
import { systemClock } from '../../../system/clock.js';
import { systemFolder } from '../../../system/windows/libraries.js';
import { FirewallDouble, NetworkDouble } from '../../windows/net/network-double.js';
import { doublePath, WintunDouble } from '../../windows/support/wintundouble.js';
import { fastClock } from './fastclock.js';
import type { HostSettings } from './windowshost.js';

const [settingsFile = '', readyFile = ''] = process.argv.slice(2);
const settings = JSON.parse(readFileSync(settingsFile, 'utf8')) as HostSettings;

const network = new NetworkDouble();
const firewall = new FirewallDouble();
const ETHERNET = 0x06_0080_0000_0000n;
/** Of the first adapter of the stand-in. */
const ADAPTER = (53n << 48n) | (1n << 24n);
const GATEWAY = '192.168.1.1';
// Of Linux' loopback interface, which is where the sockets are bound to in earnest.
const INDEX = 1;
network.reset();
network.addInterface(ETHERNET, INDEX, 'Ethernet', 1500, 25, 3);
network.addInterface(ADAPTER, 20, settings.name, 65_535, 5, 3);
network.addRoute(ETHERNET, '0.0.0.0', 0, GATEWAY, 0);
network.takeLog();
// Where it is looked for, beside the folder of wg-ts itself.
const installed = `${systemFolder()}\\wintun.dll`;
copyFileSync(doublePath('wintun'), installed);

const tunnel = await connectProgram(parseConfig(settings.config).config, {
  name: settings.name,
  dataPlane: settings.dataPlane,
  clock: fastClock(systemClock(), settings.speed),
  onStep: (step) => console.log(step),
});
const double = new WintunDouble(installed);
double.setPeer(settings.name, settings.farPort);

const server = createServer((socket) => {
  createInterface({ input: socket }).on('line', (line) => void answer(line, socket));
});
server.listen(0, '127.0.0.1', () => {
  const { port: control } = server.address() as AddressInfo;
  const { listenPort } = tunnel.status();
  const ready = { control, listenPort, farPort: double.farPort(settings.name) };
  writeFileSync(`${readyFile}.new`, JSON.stringify(ready));
  renameSync(`${readyFile}.new`, readyFile);
});

async function answer(line: string, socket: Socket): Promise<void> {
  socket.write(`${JSON.stringify(await carryOut(line), asText)}\n`);
  if (line === 'down') socket.end(() => process.exit(0));
}

/** To a port that nobody has. */
async function move(): Promise<number> {
  const socket = createSocket('udp4').bind(0);
  await once(socket, 'listening');
  const { port: listenPort } = socket.address();
  socket.close();
  await once(socket, 'close');
  await tunnel.configure({ listenPort, peers: [] });
  return listenPort;
}

const asText = (_: string, value: unknown): unknown =>
  typeof value === 'bigint' ? String(value) : value;

async function carryOut(line: string): Promise<unknown> {
  switch (line) {
    case 'status':
      return tunnel.status();
    case 'network':
      return { network: network.state(), firewall: firewall.state() };
    case 'unplug':
      return network.removeRoute(ETHERNET, '0.0.0.0', 0, GATEWAY);
    case 'plug':
      return network.addRoute(ETHERNET, '0.0.0.0', 0, GATEWAY, 0);
    case 'shrink':
      network.changeInterface(ETHERNET, true, 1400);
      return 0;
    case 'move':
      return await move();
    case 'down':
      await tunnel.close();
      return { network: network.state(), firewall: firewall.state() };
    default:
      return undefined;
  }
}
