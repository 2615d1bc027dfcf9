import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KillSwitchSettings, NameServers, NetStep } from '../../network/netconfig.js';
import type { Config, Tunnel } from '../../src/index.js';
import { Journal } from '../../src/journal.js';
import { type ConnectProgramOptions, connectProgram } from '../../src/program.js';
import { KillSwitch } from '../../src/tunnel/killswitch.js';
import { UndoStack } from '../../src/undo.js';
import type { Command } from '../../system/commands.js';
import {
  configOf,
  FakeNetConfig,
  LOOPBACK,
  MemoryLogger,
  newKeys,
  Trace,
  TracedTun,
} from './support.js';

const keys = newKeys();
const peer = newKeys();
const CLOSE = 'kill switch';
const OPEN = 'open the kill switch';

/** Only then may a socket have a mark. */
const isRoot = process.geteuid?.() === 0;
const whyNot = isRoot ? '' : ' (skipped in part: not root)';
const asRoot = it.skipIf(!isRoot);

class NetConfigWithKillSwitch extends FakeNetConfig {
  readonly leavesOut = true;
  asked: KillSwitchSettings | undefined;
  readonly #trace: Trace;

  constructor(trace: Trace, failAt?: number) {
    super(trace, { steps: 1, ...(failAt !== undefined && { failAt }) });
    this.#trace = trace;
  }

  async nameServers(): Promise<NameServers> {
    return { servers: ['192.0.2.53'], search: [], ndots: 1 };
  }

  async killSwitch(settings: KillSwitchSettings): Promise<NetStep | undefined> {
    this.asked = settings;
    return {
      describe: 'nft',
      undo: [{ argv: [OPEN] }],
      apply: async () => this.#trace.note(CLOSE),
    };
  }
}

let trace: Trace;
let logger: MemoryLogger;
let tun: TracedTun | undefined;
const tunnels: Tunnel[] = [];
beforeEach(() => {
  trace = new Trace();
  logger = new MemoryLogger();
});
afterEach(async () => {
  await Promise.all(tunnels.splice(0).map((tunnel) => tunnel.close()));
  trace.remove();
});

function config(...lines: readonly string[]): Config {
  return configOf(
    keys.privateKey,
    ['KillSwitch = true'],
    [`PublicKey = ${peer.publicKey}`, 'AllowedIPs = 10.0.0.0/8', ...lines],
  );
}

async function up(from: Config, options: ConnectProgramOptions = {}): Promise<Tunnel> {
  const tunnel = await connectProgram(from, {
    name: 'office',
    logger,
    udp: LOOPBACK,
    dataPlane: 'portable',
    netConfig: new NetConfigWithKillSwitch(trace),
    resolver: async () => {
      trace.note('resolve');
      return ['127.0.0.1'];
    },
    openTun(name) {
      tun = new TracedTun(name, trace);
      return tun;
    },
    ...options,
  });
  tunnels.push(tunnel);
  return tunnel;
}

const order = (...left: readonly string[]): string[] =>
  trace.lines.filter((line) => left.includes(line));

describe(`the kill switch${whyNot}`, () => {
  asRoot(
    'is closed before all else, is the first in the journal, and is opened after all else',
    async () => {
      const journal: string[][] = [];
      const record = (commands: readonly Command[]): void => {
        journal.push(commands.map(({ argv }) => argv.join(' ')));
      };
      const netConfig = new NetConfigWithKillSwitch(trace);
      const tunnel = await up(config('Endpoint = 127.0.0.1:9'), { netConfig, journal: { record } });
      await tunnel.close();
      expect(trace.lines.at(0)).toBe(CLOSE);
      expect(trace.lines.at(-1)).toBe(OPEN);
      expect(order(CLOSE, OPEN)).toEqual([CLOSE, OPEN]);
      expect(journal[0]).toEqual([OPEN]);
      expect(netConfig.asked).toMatchObject({ name: 'office', fwMark: 51_877, nameServers: [] });
    },
  );

  asRoot(
    'is closed before a program’s own resolver is asked, and opens nothing for it',
    async () => {
      const netConfig = new NetConfigWithKillSwitch(trace);
      await up(config('Endpoint = vpn.example.com:9'), { netConfig });
      expect(trace.lines.slice(0, 3)).toEqual([CLOSE, 'resolve', 'open office']);
      expect(netConfig.asked).toMatchObject({ nameServers: [] });
    },
  );

  asRoot('knows the name servers when endpoints have names', async () => {
    const netConfig = new NetConfigWithKillSwitch(trace);
    const tunnel = await connectProgram(config('Endpoint = localhost:9'), {
      name: 'office',
      logger,
      udp: LOOPBACK,
      dataPlane: 'portable',
      netConfig,
      openTun: (name) => new TracedTun(name, trace),
    });
    tunnels.push(tunnel);
    expect(netConfig.asked).toMatchObject({ nameServers: ['192.0.2.53'] });
  });

  asRoot('follows the name servers when they change, until it is opened', async () => {
    const netConfig = new NetConfigWithKillSwitch(trace);
    const undo = new UndoStack();
    const killSwitch = await KillSwitch.close(
      netConfig,
      config(),
      { name: 'office', fwMark: 7, nameServers: ['192.0.2.53'] },
      {
        undo,
        journal: new Journal(undefined),
        logger,
        logUndoError: () => undefined,
        isInherited: false,
      },
    );
    await killSwitch?.followNameServers(['192.0.2.53']);
    expect(order(CLOSE)).toEqual([CLOSE]);
    await killSwitch?.followNameServers(['192.0.2.54']);
    expect(order(CLOSE)).toEqual([CLOSE, CLOSE]);
    expect(netConfig.asked).toMatchObject({ fwMark: 7, nameServers: ['192.0.2.54'] });
    await undo.unwind(() => undefined);
    await killSwitch?.followNameServers(['192.0.2.55']);
    expect(trace.lines.at(-1)).toBe(OPEN);
  });

  it('gives the tunnel’s packets the mark of the configuration, where it has one', async () => {
    const netConfig = new NetConfigWithKillSwitch(trace);
    const from = config();
    const marked = { ...from, interface: { ...from.interface, fwMark: 7 } };
    // Without CAP_NET_ADMIN the socket cannot have it.
    await up(marked, { netConfig }).catch(() => undefined);
    expect(netConfig.asked?.fwMark).toBe(7);
  });

  asRoot('lets what is excluded pass', async () => {
    const netConfig = new NetConfigWithKillSwitch(trace);
    await up(config('ExcludedIPs = 10.0.0.0/9'), { netConfig });
    expect(netConfig.asked?.excluded).toEqual(['10.0.0.0/9']);
    expect(netConfig.settings).toMatchObject({
      routes: ['10.128.0.0/9'],
      excluded: ['10.0.0.0/9'],
    });
  });

  asRoot('is opened again when the bring-up fails', async () => {
    const netConfig = new NetConfigWithKillSwitch(trace, 0);
    await expect(up(config(), { netConfig })).rejects.toBe(netConfig.failure);
    expect(order(CLOSE, OPEN)).toEqual([CLOSE, OPEN]);
  });

  it('that was closed before stays so when the bring-up fails', async () => {
    const options = {
      inheritsKillSwitch: true,
      resolveRetries: 0,
      resolver: () => Promise.reject(Object.assign(new Error(), { code: 'EAI_AGAIN' })),
    };
    const from = config('Endpoint = vpn.example.com:9');
    await expect(up(from, options)).rejects.toMatchObject({ code: 'ERR_RESOLVE' });
    expect(trace.lines).toEqual([CLOSE]);
    expect(logger.lines.join()).toContain('the kill switch stays: wg-ts down office ends it');
  });

  asRoot('that was closed before is opened by down', async () => {
    const tunnel = await up(config(), { inheritsKillSwitch: true });
    await tunnel.close();
    expect(trace.lines.at(-1)).toBe(OPEN);
  });

  asRoot('stays when the tunnel ends by itself', async () => {
    const tunnel = await up(config());
    tun?.fail(new Error('the interface is gone'));
    expect(await tunnel.closed).toBeInstanceOf(Error);
    expect(trace.lines).not.toContain(OPEN);
  });

  it('that cannot be set up is an error, and nothing was done', async () => {
    const netConfig = new NetConfigWithKillSwitch(trace);
    netConfig.killSwitch = async () => undefined;
    await expect(up(config(), { netConfig })).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      hint: expect.stringContaining('install nftables'),
    });
    expect(trace.lines).toEqual([]);
  });

  it('is left to the system’s own plan where that has it', async () => {
    const netConfig = new FakeNetConfig(trace, { steps: 1 });
    await up(config('ExcludedIPs = 10.0.0.0/9'), { netConfig });
    expect(netConfig.settings).toMatchObject({ killSwitch: true });
    expect(logger.lines.join()).toContain('does not let ExcludedIPs pass');
  });
});

describe('a default route less some networks', () => {
  const from = (): Config =>
    configOf(
      keys.privateKey,
      [],
      [
        `PublicKey = ${peer.publicKey}`,
        'AllowedIPs = 0.0.0.0/0, fd00::/8',
        'ExcludedIPs = 0.0.0.0/1, fd00::/9',
      ],
    );

  it('is a default route where the system can leave something out', async () => {
    const netConfig = new NetConfigWithKillSwitch(trace);
    await up({ ...from() }, { netConfig }).catch(() => undefined);
    expect(netConfig.settings).toMatchObject({
      routes: ['0.0.0.0/0', 'fd80::/9'],
      excluded: ['0.0.0.0/1', 'fd00::/9'],
      fwMark: 51_877,
    });
  });

  it('is what is left of it elsewhere', async () => {
    const netConfig = new FakeNetConfig(trace, { steps: 1 });
    await up({ ...from() }, { netConfig }).catch(() => undefined);
    expect(netConfig.settings?.routes).toEqual(['128.0.0.0/1', 'fd80::/9']);
    expect(netConfig.settings).not.toHaveProperty('excluded');
  });
});
