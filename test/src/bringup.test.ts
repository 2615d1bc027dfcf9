import { setMaxListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { InterfaceSettings, NetListener, NetWatch } from '../../network/netconfig.js';
import { parsePrefix } from '../../protocol/ip.js';
import type { Config, Tunnel } from '../../src/index.js';
import { type ConnectProgramOptions, connectProgram } from '../../src/program.js';
import type { Command } from '../../system/commands.js';
import { freePort, takePort } from '../support/ports.js';
import {
  configOf,
  FakeNetConfig,
  type FakeNetConfigOptions,
  LOOPBACK,
  MemoryLogger,
  newKeys,
  nextTurn,
  Trace,
  TracedTun,
} from './support.js';

const isRoot = process.geteuid?.() === 0;
const keys = newKeys();
const peer = newKeys();
const STEPS = 5;
const OPEN = 'open office';
const CLOSE = 'close office';

let trace: Trace;
let port: number;
let tun: TracedTun | undefined;
let logger: MemoryLogger;
const tunnels: Tunnel[] = [];

beforeEach(async () => {
  trace = new Trace();
  port = await freePort();
  tun = undefined;
  logger = new MemoryLogger();
});
afterEach(async () => {
  await Promise.all(tunnels.splice(0).map((tunnel) => tunnel.close()));
  trace.remove();
});

function config(lines: readonly string[] = [], ...peerLines: readonly string[]): Config {
  return configOf(
    keys.privateKey,
    [`ListenPort = ${port}`, ...lines],
    [`PublicKey = ${peer.publicKey}`, ...peerLines],
  );
}

/** On the system's way, with doubles of the system. */
async function up(
  options: ConnectProgramOptions = {},
  net: FakeNetConfigOptions = {},
  from: Config = config(),
): Promise<Tunnel> {
  const tunnel = await connectProgram(from, {
    name: 'office',
    logger,
    udp: LOOPBACK,
    allowHooks: true,
    netConfig: new FakeNetConfig(trace, { steps: STEPS, ...net }),
    openTun(name) {
      tun = new TracedTun(name, trace);
      return tun;
    },
    ...options,
  });
  tunnels.push(tunnel);
  return tunnel;
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
const applied = (steps: readonly number[]): string[] => steps.map((i) => `apply ${i}`);
/** Last first; step 1 has nothing to undo. */
const undone = (steps: readonly number[]): string[] =>
  steps
    .toReversed()
    .filter((i) => i !== 1)
    .flatMap((i) => [`undo ${i}b`, `undo ${i}a`]);

describe('the bring-up', () => {
  it('makes the interface, applies every step, and undoes all of it on the way down', async () => {
    const tunnel = await up();
    const steps = range(0, STEPS);
    expect(trace.lines).toEqual([OPEN, ...applied(steps)]);
    expect(tunnel.status()).toMatchObject({ name: 'office', listenPort: port });
    await tunnel.close();
    expect(trace.lines).toEqual([OPEN, ...applied(steps), ...undone(steps), CLOSE]);
    await takePort(port);
  });

  it.each(range(0, STEPS))('undoes everything when step %i fails', async (failAt) => {
    const journal: string[][] = [];
    const record = (commands: readonly Command[]): void => {
      journal.push(commands.map(({ argv }) => argv.join(' ')));
    };
    const netConfig = new FakeNetConfig(trace, { steps: STEPS, failAt });
    await expect(up({ netConfig, journal: { record } })).rejects.toBe(netConfig.failure);
    const tried = range(0, failAt + 1);
    // What failed halfway may have left something too.
    expect(trace.lines).toEqual([OPEN, ...applied(tried), ...undone(tried), CLOSE]);
    expect(journal.at(-1)).toEqual(undone(tried).toReversed());
    expect(tun?.closed).toBe(true);
    await takePort(port);
  });

  it('writes the undo of each step into the journal before the step', async () => {
    const record = (commands: readonly Command[]): void =>
      trace.note(`record ${commands.length}, last ${commands.at(-1)?.argv.join(' ')}`);
    await up({ journal: { record }, onStep: (step) => trace.note(step) }, { steps: 3 });
    expect(trace.lines).toEqual([
      OPEN,
      'record 2, last undo 0b',
      'step 0',
      'apply 0',
      'step 1',
      'apply 1',
      'record 4, last undo 2b',
      'step 2',
      'apply 2',
    ]);
  });

  const failure = new Error('not today');
  const fail = (): never => {
    throw failure;
  };
  it.each<{ what: string; options?: ConnectProgramOptions; on?: keyof FakeNetConfig }>([
    { what: 'making the interface', options: { openTun: fail } },
    { what: 'the journal', options: { journal: { record: fail } } },
    { what: 'the way to watch it', options: { expose: fail } },
    { what: 'the callback for steps', options: { onStep: fail } },
    { what: 'the look for an MTU', on: 'mtuTowards' },
    { what: 'the look for a free table', on: 'freeTable' },
    { what: 'the plan', on: 'plan' },
  ])('undoes everything when $what fails', async ({ options, on }) => {
    const netConfig = new FakeNetConfig(trace);
    if (on) vi.spyOn(netConfig, on as 'plan').mockImplementation(fail);
    // A full tunnel has a mark, which needs root, but here it does not come so far.
    const routes = on === 'freeTable' ? ['AllowedIPs = 0.0.0.0/0'] : [];
    const from = config([], 'Endpoint = 127.0.0.1:9', ...routes);
    await expect(up({ netConfig, ...options }, {}, from)).rejects.toBe(failure);
    expect(trace.lines.filter((line) => line.startsWith('apply'))).toEqual([]);
    expect(tun?.closed).not.toBe(false);
    await takePort(port);
  });

  it('undoes everything when the port is in use', async () => {
    const first = await up();
    await expect(up({ name: 'other' })).rejects.toMatchObject({ code: 'ERR_PORT_IN_USE' });
    expect(trace.lines.slice(-2)).toEqual(['open other', 'close other']);
    await first.close();
    await takePort(port);
  });

  it('throws only the first failure, and logs those of the undo', async () => {
    const netConfig = new FakeNetConfig(trace, { failAt: 2 });
    vi.spyOn(netConfig, 'undo').mockImplementation(async (_, onError) => {
      onError(new Error('reported'));
      throw new Error('thrown');
    });
    await expect(up({ netConfig })).rejects.toBe(netConfig.failure);
    expect(logger.lines.filter((line) => !line.startsWith('debug: '))).toEqual(
      ['2', '0'].flatMap((step) => [
        `warn: cannot undo step ${step}: reported`,
        `warn: cannot undo step ${step}: thrown`,
      ]),
    );
    expect(trace.lines.at(-1)).toBe(CLOSE);
  });

  it('refuses a name that no interface can have, before anything else', async () => {
    await expect(up({ name: 'a/b' })).rejects.toMatchObject({ code: 'ERR_NAME' });
    expect(trace.lines).toEqual([]);
  });

  it('logs what the plan warns of, and that SaveConfig is ignored', async () => {
    await up({}, { warnings: ['no DNS here'] }, config(['SaveConfig = true']));
    expect(logger.lines).toEqual([
      'warn: SaveConfig is ignored: the configuration file is not changed',
      'warn: no DNS here',
    ]);
  });

  it('is saved after PreDown, before anything is undone', async () => {
    const save = async (): Promise<void> => trace.note('save');
    const hooks = [`PreDown = ${trace.hook('PreDown')}`, `PostDown = ${trace.hook('PostDown')}`];
    const tunnel = await up({ save }, {}, config([...hooks, 'SaveConfig = true']));
    expect(trace.lines).not.toContain('save');
    await tunnel.close();
    const last = trace.lines.slice(trace.lines.indexOf('PreDown'));
    expect(last.slice(0, 2)).toEqual(['PreDown', 'save']);
    expect(last.at(-1)).toBe('PostDown');
    expect(logger.lines.filter((line) => line.startsWith('warn'))).toEqual([]);
  });

  it('is not saved when it did not come up, and goes down even when saving fails', async () => {
    const save = async (): Promise<void> => {
      trace.note('save');
      throw new Error('full');
    };
    await expect(up({ save }, {}, config(['PostUp = false']))).rejects.toThrow('PostUp');
    expect(trace.lines).not.toContain('save');
    await (await up({ save })).close();
    expect(logger.lines).toContain('warn: cannot undo SaveConfig: full');
    expect(trace.lines.at(-1)).toBe(CLOSE);
  });

  it('configures nothing in the system for a device of the caller’s', async () => {
    const own = new TracedTun('own', trace);
    const hooks = ['PreUp', 'PostUp', 'PreDown', 'PostDown'].map(
      (key) => `${key} = ${trace.hook(key)}`,
    );
    const tunnel = await up({ tun: own }, {}, config([...hooks, 'Address = 10.9.0.1/24']));
    await tunnel.close();
    expect(trace.lines).toEqual(['open own', 'close own']);
  });

  it('fails when the interface breaks meanwhile', async () => {
    const broken = new Error('deleted by another program');
    const net = {
      onApply: async (step: number) => {
        if (step !== 2) return;
        tun?.fail(broken);
        await nextTurn();
        await nextTurn();
      },
    };
    await expect(up({}, net)).rejects.toBe(broken);
    expect(trace.lines.at(-1)).toBe(CLOSE);
    await takePort(port);
  });
});

describe('what is asked of the system', () => {
  /** As a program may write it: the parser of files clears such bits. */
  function withHostBits(from: Config, allowed: string): Config {
    const prefix = parsePrefix(allowed);
    if (!prefix) throw new Error(`no prefix: ${allowed}`);
    const peers = from.peers.map((p) => ({ ...p, allowedIps: [prefix, ...p.allowedIps] }));
    return { ...from, peers };
  }

  it('is in canonical form', async () => {
    const netConfig = new FakeNetConfig(trace, { mtu: 1400 });
    const from = config(
      ['Address = 10.9.0.1/24, FD09:0::1/64', 'DNS = 10.9.0.53, corp.example', 'Table = 1234'],
      'Endpoint = 127.0.0.1:9',
      'AllowedIPs = 10.9.0.7/24, 10.9.0.0/24, fd09::7/64, ::/0',
    );
    const tunnel = await up({ netConfig }, {}, withHostBits(from, '10.9.0.9/24'));
    expect(netConfig.settings).toEqual({
      name: 'office',
      addresses: ['10.9.0.1/24', 'fd09::1/64'],
      mtu: 1320,
      routes: ['10.9.0.0/24', 'fd09::/64', '::/0'],
      table: 1234,
      fwMark: 0,
      dnsServers: ['10.9.0.53'],
      dnsSearch: ['corp.example'],
      endpoints: [{ address: '127.0.0.1', port: 9 }],
      listenPort: tunnel.status().listenPort,
      peerCount: 1,
      bindsSockets: false,
    });
    expect(netConfig.tablesAsked).toBe(0);
    expect(tunnel.status().mtu).toBe(1320);
  });

  it.each([
    { lines: [], allowed: '10.0.0.0/8, 0.0.0.0/1', tables: 0 },
    { lines: ['Table = off'], allowed: '0.0.0.0/0', tables: 0 },
    { lines: ['Table = 77'], allowed: '::/0', tables: 0 },
  ])('is no table for $allowed with $lines', async ({ lines, allowed, tables }) => {
    const netConfig = new FakeNetConfig(trace);
    await up({ netConfig }, {}, config(lines, `AllowedIPs = ${allowed}`));
    expect(netConfig.tablesAsked).toBe(tables);
    expect(netConfig.settings?.fwMark).toBe(0);
  });

  it.runIf(isRoot).each([
    { lines: [], allowed: '0.0.0.0/0', mark: 51_877, tables: 1 },
    { lines: [], allowed: '10.0.0.0/8, ::/0', mark: 51_877, tables: 1 },
    { lines: ['FwMark = 0x77'], allowed: '0.0.0.0/0', mark: 0x77, tables: 0 },
    { lines: ['FwMark = 5'], allowed: '10.0.0.0/8', mark: 5, tables: 0 },
  ])('is mark $mark for $allowed with $lines (root)', async ({ lines, allowed, mark, tables }) => {
    const netConfig = new FakeNetConfig(trace);
    const tunnel = await up({ netConfig }, {}, config(lines, `AllowedIPs = ${allowed}`));
    expect(netConfig.tablesAsked).toBe(tables);
    expect(netConfig.settings?.fwMark).toBe(mark);
    expect(tunnel.status().fwMark).toBe(mark);
  });
});

describe('the way to watch a tunnel', () => {
  it('opens before the network is configured, and closes behind its undo', async () => {
    const tunnel = await up(
      {
        async expose(source) {
          trace.note(`expose ${source.status().listenPort === port}`);
          return () => trace.note(`hide ${source.status().peers.length} peer`);
        },
      },
      { steps: 1 },
    );
    await tunnel.close();
    expect(trace.lines).toEqual([
      OPEN,
      'expose true',
      'apply 0',
      'undo 0b',
      'undo 0a',
      'hide 1 peer',
      CLOSE,
    ]);
  });
});

describe('giving up a bring-up', () => {
  const reason = new Error('the user has second thoughts');
  let controller: AbortController;
  let signal: AbortSignal;

  beforeEach(() => {
    controller = new AbortController();
    signal = controller.signal;
    setMaxListeners(50, signal);
  });

  it('before it begins: nothing is done', async () => {
    controller.abort(reason);
    await expect(up({ signal })).rejects.toBe(reason);
    expect(trace.lines).toEqual([]);
  });

  it('while a name server is asked again: nothing is done', async () => {
    const resolver = vi.fn(async () => {
      setImmediate(() => controller.abort(reason));
      throw Object.assign(new Error('try again'), { code: 'EAI_AGAIN' });
    });
    const from = config([], 'Endpoint = vpn.example:51820');
    await expect(up({ signal, resolver }, {}, from)).rejects.toBe(reason);
    expect(resolver).toHaveBeenCalledTimes(1);
    expect(logger.lines).toEqual(['warn: cannot resolve vpn.example yet: trying again in 1.0 s']);
    expect(trace.lines).toEqual([]);
    await takePort(port);
  });

  it.each(range(0, STEPS))('in step %i: ends after it, and undoes it', async (step) => {
    const onApply = (i: number): void => {
      if (i === step) controller.abort(reason);
    };
    await expect(up({ signal }, { onApply })).rejects.toBe(reason);
    const done = range(0, step + 1);
    expect(trace.lines).toEqual([OPEN, ...applied(done), ...undone(done), CLOSE]);
    await takePort(port);
  });

  it('does nothing to a tunnel that is up', async () => {
    const tunnel = await up({ signal });
    controller.abort(reason);
    await nextTurn();
    expect(tun?.closed).toBe(false);
    await tunnel.close();
    expect(await tunnel.closed).toBeUndefined();
  });
});

describe('the network', () => {
  /** With a system that has to be watched. */
  function watched() {
    const netConfig = Object.assign(new FakeNetConfig(trace, { steps: 1, mtu: 1500 }), {
      listener: undefined as NetListener | undefined,
      watch(settings: InterfaceSettings, options: object, listener: NetListener): NetWatch {
        trace.note(`watch ${settings.endpoints.length} ${JSON.stringify(options)}`);
        netConfig.listener = listener;
        return {
          setEndpoints: (all) => trace.note(`endpoints ${all.map((e) => e.port)}`),
          setListenPort: (port) => trace.note(`listen port ${port}`),
          close: () => trace.note('close the watch'),
        };
      },
    });
    return netConfig;
  }

  it('is watched after it was configured, until the first step of the end', async () => {
    const netConfig = watched();
    const tunnel = await up({ netConfig }, {}, config([], 'Endpoint = 127.0.0.1:9'));
    const watch = 'watch 1 {"bindsSockets":false,"followMtu":true}';
    expect(trace.lines).toEqual([OPEN, 'apply 0', watch]);
    await tunnel.close();
    expect(trace.lines.slice(3)).toEqual(['close the watch', 'undo 0b', 'undo 0a', CLOSE]);
  });

  it('reports an MTU, which is the tunnel’s from then on', async () => {
    const netConfig = watched();
    const tunnel = await up({ netConfig });
    expect(tunnel.status().mtu).toBe(1420);
    netConfig.listener?.onMtu(1300);
    expect(tunnel.status().mtu).toBe(1300);
  });

  it('does not change an MTU from the file', async () => {
    await up({ netConfig: watched() }, {}, config(['MTU = 1280']));
    expect(trace.lines.at(-1)).toContain('"followMtu":false');
  });

  it('keeps its MTU with MTU = probe where none can be set', async () => {
    await up({ netConfig: new FakeNetConfig(trace) }, {}, config(['MTU = probe']));
    expect(logger.lines.join()).toContain('needs a NetConfig with setMtu: the MTU stays at 1420');
  });

  it('undoes by itself what would end with the process', async () => {
    const netConfig = new FakeNetConfig(trace, { steps: 1 });
    const plan = netConfig.plan.bind(netConfig);
    netConfig.plan = async (settings) => {
      const { steps, warnings } = await plan(settings);
      return { warnings, steps: steps.map((s) => ({ ...s, revert: () => trace.note('revert') })) };
    };
    const tunnel = await up({ netConfig });
    await tunnel.close();
    expect(trace.lines.slice(2)).toEqual(['revert', 'undo 0b', 'undo 0a', CLOSE]);
  });
});
