/** `wg-ts watch` on a real terminal, which tmux makes, and without one. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Lab, labTest } from '../support/lab.js';
import { describeSystem, isReference, type Need, TUNNEL } from '../support/requirements.js';
import { Terminal } from '../support/terminal.js';
import { endpoint, INNER, type Pair, PORT, startPair } from '../support/topology.js';
import { ping, pingCommand } from '../support/traffic.js';
import { command } from '../support/tunnel.js';

const NARROW = { columns: 80, rows: 24 };
const WIDE = { columns: 160, rows: 24 };
const NEEDS: readonly Need[] = [...TUNNEL, 'tmux'];

const watchCommand = (...args: readonly string[]): string => command('watch', ...args).join(' ');

async function pairWithTraffic(lab: Lab): Promise<Pair> {
  const pair = await startPair(lab);
  expect((await ping(pair.client.namespace, INNER.server.v4)).received).toBe(3);
  // Big ones, so that rates are to be seen, for longer than any test; the lab ends it.
  const traffic = { count: 6000, intervalSeconds: 0.01, size: 1200 };
  pair.client.namespace.spawn(pingCommand(INNER.server.v4, traffic));
  return pair;
}

/** Shows the screen to a person who wants to see it. */
function keep(name: string, lines: readonly string[]): void {
  const folder = process.env['WG_TS_KEEP_SCREENS'];
  if (folder !== undefined) writeFileSync(`${folder}/${name}`, `${lines.join('\n')}\n`);
}

/** Typed and run, so that the line is not found where it was typed. */
async function expectUntouched(terminal: Terminal): Promise<void> {
  await terminal.type(
    'echo mode $(stty -a | tr " " "\\n" | grep -x -e "-*icanon;*" -e "-*echo;*")',
  );
  const seen = await terminal.shows(/^mode (icanon;? ?echo|echo;? ?icanon);?$/m);
  expect(seen).toContain('something before');
  expect(await terminal.isCursorShown()).toBe(true);
  expect(await terminal.isAlternate()).toBe(false);
}

describeSystem('wg-ts watch in a terminal', NEEDS, () => {
  labTest.skipIf(isReference)('fits any width, and leaves it as it was', async ({ lab }) => {
    const pair = await pairWithTraffic(lab);
    const key = pair.server.spec.keys.publicKey;
    const terminal = await Terminal.open(lab, NARROW);
    await terminal.type('echo something before');
    await terminal.type(`${watchCommand(pair.client.name, '--interval', '0.2')}; echo code $?`);
    const row = new RegExp(
      `${key.slice(0, 8).replaceAll(/[+/]/g, '\\$&')}\\S*…\\s+\\S+:${PORT} .* KiB/s .* KiB/s .*\\ds$`,
      'm',
    );
    const narrow = await terminal.shows(row);
    // Until graphs are full.
    await terminal.shows(/[▁-█]{8}/);
    keep('80', await terminal.lines('colors'));
    expect(narrow).toContain(endpoint(pair.serverEnd.v4, PORT));
    expect(narrow).toContain(`${pair.client.name}  `);
    expect(narrow).not.toMatch(/RECEIVED|something before/);
    expect(await terminal.isCursorShown()).toBe(false);
    expect(await terminal.isAlternate()).toBe(true);

    await terminal.resize(WIDE);
    const wide = await terminal.shows(/RECEIVED/);
    expect(wide.split('\n').filter((line) => line.includes('PEER'))).toHaveLength(1);
    await terminal.shows(/[▁-█]{20}/);
    keep('160', await terminal.lines('colors'));

    await terminal.press('q');
    await terminal.shows(/^code 0$/m);
    await expectUntouched(terminal);
  });

  labTest.skipIf(isReference)(
    'comes back after Ctrl-Z, and from its interface',
    async ({ lab }) => {
      const pair = await pairWithTraffic(lab);
      const { name } = pair.client;
      const terminal = await Terminal.open(lab, NARROW);
      await terminal.type('echo something before');
      await terminal.type(watchCommand(name, '--interval', '0.2'));
      await terminal.shows(/KiB\/s/);

      await terminal.press('C-z');
      await terminal.shows(/Stopped/);
      await expectUntouched(terminal);
      await terminal.type('fg');
      expect(await terminal.shows(/KiB\/s/)).not.toContain('something before');
      expect(await terminal.isAlternate()).toBe(true);

      await pair.client.down();
      await terminal.shows(new RegExp(`${name} is not up: waiting`));
      await pair.client.up();
      await terminal.shows(/KiB\/s/);

      await terminal.press('C-c');
      await terminal.shows(/ready>$/);
      await expectUntouched(terminal);
    },
  );

  labTest.skipIf(isReference)('leaves the terminal as it was when it is ended', async ({ lab }) => {
    const pair = await pairWithTraffic(lab);
    const terminal = await Terminal.open(lab, NARROW);
    await terminal.type('echo something before');
    const pidFile = join(lab.folder, 'pid');
    const watch = watchCommand('--interval', '0.2');
    await terminal.type(`sh -c 'echo $$ > ${pidFile}; exec ${watch}'; echo code $?`);
    await terminal.shows(new RegExp(`^${pair.client.name}  .*[^]*KiB/s`, 'm'));
    process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGTERM');
    await terminal.shows(/^code 0$/m);
    await expectUntouched(terminal);
  });
});

describeSystem('wg-ts watch without a terminal', TUNNEL, () => {
  labTest.skipIf(isReference)('prints what the interface counts', async ({ lab }) => {
    const pair = await pairWithTraffic(lab);
    const { name, namespace } = pair.client;
    const before = await pair.client.peer();
    const json = await namespace.mustRun(command('watch', name, '--once', '--json', '-i', '0.5'));
    const after = await pair.client.peer();
    const [line, ...others] = json.trim().split('\n');
    expect(others).toEqual([]);
    const { interfaces, seconds } = JSON.parse(line ?? '') as {
      seconds: number;
      interfaces: { peers: { rxBytes: number; rxRate: number; latestHandshake: number }[] }[];
    };
    const [peer] = interfaces[0]?.peers ?? [];
    expect(seconds).toBeGreaterThanOrEqual(0.4);
    expect(peer?.rxBytes).toBeGreaterThan(before.rxBytes);
    expect(peer?.rxBytes).toBeLessThanOrEqual(after.rxBytes);
    expect(peer?.latestHandshake).toBe(after.latestHandshake);
    expect(peer?.rxRate).toBeGreaterThan(0);
    expect((peer?.rxRate ?? 0) * seconds).toBeLessThanOrEqual(after.rxBytes - before.rxBytes + 1);
    expect(json).not.toContain(pair.client.spec().keys.privateKey);
  });
});
