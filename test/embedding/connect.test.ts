import { afterEach, describe, expect, it } from 'vitest';
import {
  type ConnectOptions,
  connect,
  MemoryTun,
  parseConfig,
  type Tunnel,
  UdpError,
} from '../../src/index.js';
import { connectProgram, type ProgramOptions } from '../../src/program.js';
import { configOf, FakeNetConfig, LOOPBACK, newKeys, Trace, TracedTun } from '../src/support.js';

const open: { close(): unknown }[] = [];

function closing<T extends { close(): unknown }>(what: T): T {
  open.push(what);
  return what;
}

afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

function newTrace(): Trace {
  const trace = new Trace();
  open.push({ close: () => trace.remove() });
  return trace;
}

const text = (...lines: string[]): string =>
  `[Interface]\nPrivateKey = ${newKeys().privateKey}\n${lines.join('\n')}\n`;

function upWith(config: string, trace: Trace): Promise<Tunnel> {
  return connectProgram(config, {
    udp: LOOPBACK,
    netConfig: new FakeNetConfig(trace, { steps: 1 }),
    openTun: (name) => new TracedTun(name, trace),
    followNetwork: false,
  });
}

describe('connect', () => {
  it('takes the text of a configuration, and leaves one that was parsed as it is', async () => {
    const keys = newKeys();
    const [tun1, tun2] = [new MemoryTun({ name: 'one' }), new MemoryTun({ name: 'two' })];
    const written = `[Interface]\nPrivateKey = ${keys.privateKey}\n`;
    const first = closing(await connect(written, { tun: tun1, udp: LOOPBACK }));
    const { config } = parseConfig(written);
    const second = closing(await connect(config, { tun: tun2, udp: LOOPBACK }));
    expect([first.publicKey, second.publicKey]).toEqual([keys.publicKey, keys.publicKey]);
    expect([first.name, second.name]).toEqual(['one', 'two']);
    await second.close();
    expect(config.interface.privateKey.isZeroed).toBe(false);
  });

  it('says what is wrong with a text and in which line, and refuses a path', async () => {
    const wrong = connect(text('MTU = none'), { tun: new MemoryTun() });
    await expect(wrong).rejects.toMatchObject({ code: 'ERR_CONFIG', line: 3, key: 'MTU' });
    await expect(connect('office.conf')).rejects.toMatchObject({ code: 'ERR_CONFIG' });
  });

  it('finds a name that no interface has, and another for a second tunnel', async () => {
    const trace = newTrace();
    const first = closing(await upWith(text(), trace));
    expect(first.name).toMatch(/^wg-ts\d+$/);
    expect(trace.lines).toContain(`open ${first.name}`);
  });

  it('runs no hook that was not allowed', async () => {
    const trace = newTrace();
    await (await upWith(text(`PostUp = ${trace.hook('hooked')}`), trace)).close();
    expect(trace.lines).not.toContain('hooked');
    expect(trace.lines).toContain('apply 0');
  });

  it('accepts nothing that is only for the command line', async () => {
    const trace = newTrace();
    const forProgram: ProgramOptions = {
      openTun: (name) => new TracedTun(name, trace),
      netConfig: new FakeNetConfig(trace),
      onStep: (step) => trace.note(step),
      journal: { record: () => trace.note('journal') },
      inheritsKillSwitch: true,
      serviceSid: 'S-1-5-80',
      expose: async () => {
        trace.note('expose');
        return () => trace.note('hide');
      },
      save: async () => trace.note('save'),
    };
    const smuggled = (): ConnectOptions =>
      Object.assign({ tun: new MemoryTun(), udp: LOOPBACK }, forProgram);
    await (await connect(text(), smuggled())).close();
    expect(trace.lines).toEqual([]);
    await (await connectProgram(text(), smuggled())).close();
    expect(trace.lines).toEqual(['expose', 'save', 'hide']);
  });

  it('stops at once on a signal, and closes what it was given', async () => {
    const tun = new MemoryTun();
    const reason = new Error('enough');
    const config = configOf(newKeys().privateKey, [], ['Endpoint = vpn.example:1', publicKey()]);
    const controller = new AbortController();
    const connecting = connect(config, {
      tun,
      udp: LOOPBACK,
      signal: controller.signal,
      resolver: () => new Promise(() => undefined),
    });
    setImmediate(() => controller.abort(reason));
    await expect(connecting).rejects.toBe(reason);
    expect(tun.closed).toBe(true);
    const late = new MemoryTun();
    await expect(connect(config, { tun: late, signal: controller.signal })).rejects.toBe(reason);
    expect(late.closed).toBe(true);
  });

  it('reports a taken port by its code', async () => {
    const first = closing(await connect(text(), { tun: new MemoryTun(), udp: LOOPBACK }));
    const second = connect(text(`ListenPort = ${first.listenPort}`), {
      tun: new MemoryTun(),
      udp: LOOPBACK,
    });
    await expect(second).rejects.toBeInstanceOf(UdpError);
    await expect(second).rejects.toMatchObject({ code: 'ERR_PORT_IN_USE' });
  });

  it('closes by await using', async () => {
    const tun = new MemoryTun();
    const tunnel = await connect(text(), { tun, udp: LOOPBACK });
    expect(tunnel.state).toBe('up');
    await tunnel[Symbol.asyncDispose]();
    expect([tun.closed, tunnel.state]).toEqual([true, 'closed']);
  });

  it('gives a program many tunnels at once, each independent of the others', async () => {
    const tunnels = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        connect(text(), { tun: new MemoryTun({ name: `many${i}` }), udp: LOOPBACK }),
      ),
    );
    tunnels.forEach(closing);
    expect(new Set(tunnels.map(({ publicKey }) => publicKey)).size).toBe(20);
    expect(new Set(tunnels.map(({ listenPort }) => listenPort)).size).toBe(20);
    await tunnels[0]?.close();
    expect(tunnels.slice(1).map(({ state }) => state)).toEqual(Array(19).fill('up'));
  });
});

function publicKey(): string {
  return `PublicKey = ${newKeys().publicKey}`;
}
