/** The watch on the machine's network hears of changes of a tunnel that is up. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { InterfaceSettings, NetWatch } from '../../network/netconfig.js';
import type { Tunnel } from '../../src/index.js';
import {
  type ConnectProgramOptions,
  connectProgram,
  type StatusSource,
} from '../../src/program.js';
import { MemoryTun } from '../../tun/memory.js';
import { freePort } from '../support/ports.js';
import { configOf, FakeNetConfig, LOOPBACK, newKeys, Trace } from './support.js';

let trace: Trace;
let tunnel: Tunnel | undefined;

beforeEach(() => {
  trace = new Trace();
});
afterEach(async () => {
  await tunnel?.close();
  tunnel = undefined;
  trace.remove();
});

async function up(options: ConnectProgramOptions = {}): Promise<Tunnel> {
  const portsOf = ({ endpoints }: Pick<InterfaceSettings, 'endpoints'>): string =>
    endpoints.map(({ port }) => port).join();
  const netConfig = Object.assign(new FakeNetConfig(trace, { steps: 1 }), {
    watch(settings: InterfaceSettings): NetWatch {
      trace.note(`watch ${portsOf(settings)}`);
      return {
        setEndpoints: (endpoints) => trace.note(`endpoints ${portsOf({ endpoints })}`),
        setListenPort: (port) => trace.note(`listen port ${port}`),
        close: () => undefined,
      };
    },
  });
  const peer = [`PublicKey = ${newKeys().publicKey}`, 'Endpoint = 127.0.0.1:9'];
  tunnel = await connectProgram(configOf(newKeys().privateKey, [], peer), {
    name: 'office',
    udp: LOOPBACK,
    netConfig,
    openTun: (name) => new MemoryTun({ name }),
    ...options,
  });
  return tunnel;
}

async function moveAll({ read, change }: Pick<StatusSource, 'read' | 'change'>): Promise<void> {
  const endpoint = { address: '127.0.0.1', port: 7 };
  const peers = read().peers.map(({ publicKey }) => ({ publicKey, endpoint }));
  await change({ peers });
}

it('of other endpoints and another port', async () => {
  const office = await up();
  expect(trace.lines.at(-1)).toBe('watch 9');
  await moveAll({
    read: () => office.readConfiguration(),
    async change({ peers }) {
      await office.configure({
        peers: peers.map(({ publicKey }) => ({ publicKey, endpoint: '127.0.0.1:7' })),
      });
    },
  });
  expect(trace.lines.slice(-2)).toEqual([
    `listen port ${office.status().listenPort}`,
    'endpoints 7',
  ]);
  const listenPort = await freePort();
  await office.configure({ listenPort, peers: [] });
  expect(trace.lines.slice(-2)).toEqual([`listen port ${listenPort}`, 'endpoints 7']);
});

it('of what was changed before it began', async () => {
  await up({
    async expose(source) {
      await moveAll(source);
      return () => undefined;
    },
  });
  expect(trace.lines.slice(-3)).toEqual([
    'watch 7',
    expect.stringContaining('listen port'),
    'endpoints 7',
  ]);
});
