import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Config } from '../../src/config/model.js';
import type { Tunnel } from '../../src/index.js';
import { type ConnectProgramOptions, connectProgram } from '../../src/program.js';
import { runHooks } from '../../src/tunnel/hooks.js';
import type { Command } from '../../system/commands.js';
import { hookCommand } from '../../system/shell.js';
import { waitFor } from '../support/waiting.js';
import {
  configOf,
  FakeNetConfig,
  type FakeNetConfigOptions,
  LOOPBACK,
  MemoryLogger,
  newKeys,
  Trace,
  TracedTun,
} from './support.js';

const keys = newKeys();
let trace: Trace;
let logger: MemoryLogger;

beforeEach(() => {
  trace = new Trace();
  logger = new MemoryLogger();
});
afterEach(() => trace.remove());

describe('runHooks', () => {
  it('runs one line after the other', async () => {
    await runHooks('PostUp', [`sleep 0.05; ${trace.hook('first')}`, trace.hook('second')], 'wg0');
    expect(trace.lines).toEqual(['first', 'second']);
  });

  it('replaces each %i by the interface’s name', async () => {
    await runHooks('PostUp', [`echo %i %i 100% >> ${trace.file}`], 'office');
    expect(trace.lines).toEqual(['office office 100%']);
    expect(hookCommand('ip link show %i', 'office').slice(-2)).toEqual([
      '-c',
      'ip link show office',
    ]);
  });

  it.each(['false; true', 'false\ntrue', ...(existsSync('/bin/bash') ? ['false | true'] : [])])(
    'fails with any of its commands: %s',
    async (hook) => {
      await expect(runHooks('PostUp', [hook], 'office')).rejects.toMatchObject({
        code: 'ERR_HOOK',
      });
    },
  );

  it('uses a locale whose messages programs can read', async () => {
    await runHooks('PostUp', [`echo $LC_ALL >> ${trace.file}`], 'office');
    expect(trace.lines).toEqual(['C']);
  });

  it('reports each line before it runs', async () => {
    const onStep = (line: string): void => trace.note(`told ${line.slice(0, 4)}`);
    await runHooks('PostUp', [trace.hook('%i'), trace.hook('b')], 'a', { onStep });
    expect(trace.lines).toEqual(['told echo', 'a', 'told echo', 'b']);
  });

  it.each([
    ['exit 3', '3'],
    ['kill -TERM $$', 'SIGTERM'],
    ['no-such-program-anywhere 2>/dev/null', '127'],
  ])('throws for %s, and leaves out the lines after it', async (line, status) => {
    await expect(runHooks('PreUp', [line, trace.hook('behind')], 'wg0')).rejects.toMatchObject({
      code: 'ERR_HOOK',
      message: `a PreUp command failed (${status}): ${line}`,
    });
    expect(trace.lines).toEqual([]);
  });

  it('ends the line that runs when it is given up', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const hooks = [`echo $$ >> ${trace.file}; exec sleep 60`, trace.hook('behind')];
    const running = runHooks('PreUp', hooks, 'wg0', { signal: controller.signal });
    const pid = await waitFor(() => {
      expect(trace.lines).toHaveLength(1);
      return Number(trace.lines[0]);
    });
    controller.abort(reason);
    await expect(running).rejects.toBe(reason);
    await waitFor(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'));
    expect(trace.lines).toEqual([String(pid)]);
  });

  it('runs nothing when it was given up before', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(runHooks('PreUp', [trace.hook('a')], 'wg0', { signal })).rejects.toThrow('enough');
    await delay(20);
    expect(trace.lines).toEqual([]);
  });
});

describe('the hooks of a tunnel', () => {
  const HOOKS = ['PreUp', 'PostUp', 'PreDown', 'PostDown'] as const;

  /** Two of each kind, which note their name; `extra` lines come behind. */
  function config(...extra: readonly string[]): Config {
    const hooks = HOOKS.flatMap((key) =>
      [1, 2].map((n) => `${key} = ${trace.hook(`${key} ${n} %i`)}`),
    );
    return configOf(keys.privateKey, [...hooks, ...extra]);
  }

  async function up(
    from: Config,
    options: ConnectProgramOptions = {},
    net: FakeNetConfigOptions = {},
  ): Promise<Tunnel> {
    return await connectProgram(from, {
      name: 'office',
      logger,
      udp: LOOPBACK,
      allowHooks: true,
      netConfig: new FakeNetConfig(trace, { steps: 1, ...net }),
      openTun: (name) => new TracedTun(name, trace),
      ...options,
    });
  }

  const both = (key: string): string[] => [`${key} 1 office`, `${key} 2 office`];
  const UP = [...both('PreUp'), 'open office', 'apply 0', ...both('PostUp')];
  const DOWN = [...both('PreDown'), 'undo 0b', 'undo 0a', 'close office', ...both('PostDown')];

  it('run around the interface and the network, up and down', async () => {
    const tunnel = await up(config());
    expect(trace.lines).toEqual(UP);
    await tunnel.close();
    expect(trace.lines).toEqual([...UP, ...DOWN]);
    expect(logger.lines).toEqual([]);
  });

  it.each([
    [{}, 'allowHooks'],
    [{ hooksOption: '--allow-hooks' }, '--allow-hooks'],
  ])('are skipped where not allowed, with a warning for each: %j', async (more, option) => {
    const tunnel = await up(config(), { allowHooks: false, ...more });
    await tunnel.close();
    expect(trace.lines.filter((line) => /^(Pre|Post)/.test(line))).toEqual([]);
    const skipped = logger.lines.filter((line) => line.includes(` is skipped without ${option}: `));
    expect(skipped).toHaveLength(8);
  });

  it('undo everything when a PostUp fails, PreDown and PostDown included', async () => {
    await expect(up(config('PostUp = false'))).rejects.toMatchObject({ code: 'ERR_HOOK' });
    expect(trace.lines).toEqual([...UP, ...DOWN]);
  });

  it('make no interface when a PreUp fails, and run PostDown', async () => {
    await expect(up(config('PreUp = false'))).rejects.toMatchObject({ code: 'ERR_HOOK' });
    expect(trace.lines).toEqual([...both('PreUp'), ...both('PostDown')]);
  });

  it('leave out PreDown when the network fails before PostUp', async () => {
    await expect(up(config(), {}, { failAt: 0 })).rejects.toThrow('refuses');
    expect(trace.lines).toEqual([...UP.slice(0, 4), ...DOWN.slice(2)]);
  });

  it('cannot stop the tunnel from going down', async () => {
    const tunnel = await up(config('PreDown = exit 4', 'PostDown = exit 5'));
    await tunnel.close();
    expect(trace.lines).toEqual([...UP, ...DOWN]);
    expect(logger.lines).toEqual([
      'warn: cannot undo PreDown: a PreDown command failed (4): exit 4',
      'warn: cannot undo PostDown: a PostDown command failed (5): exit 5',
    ]);
  });

  it('are given up with the bring-up, except PreDown and PostDown', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const reason = new Error('enough');
    const pending = up(config('PostUp = exec sleep 60'), { signal });
    const gaveUp = expect(pending).rejects.toBe(reason);
    await waitFor(() => expect(trace.lines).toEqual(UP));
    controller.abort(reason);
    await gaveUp;
    expect(trace.lines).toEqual([...UP, ...DOWN]);
  });

  it('for going down are in the journal, in an order that is right when read from its end', async () => {
    let journal: readonly Command[] = [];
    const record = (commands: readonly Command[]): void => {
      journal = [...commands];
    };
    const from = config();
    const tunnel = await up(from, { journal: { record } });
    const command = (hook: string): string[] => hookCommand(hook, 'office');
    const { preDown, postDown } = from.interface;
    expect(journal.toReversed().map(({ argv }) => argv)).toEqual([
      ...preDown.map(command),
      ['undo', '0b'],
      ['undo', '0a'],
      ...postDown.map(command),
    ]);
    await tunnel.close();
  });

  it('are reported like the steps', async () => {
    const told: string[] = [];
    const onStep = (line: string): number => told.push(line.replace(/ >> .*/, ''));
    const tunnel = await up(config(), { onStep });
    await tunnel.close();
    const echoes = (key: string): string[] => both(key).map((line) => `echo '${line}'`);
    expect(told).toEqual([
      ...echoes('PreUp'),
      'step 0',
      ...echoes('PostUp'),
      ...echoes('PreDown'),
      ...echoes('PostDown'),
    ]);
  });
});
