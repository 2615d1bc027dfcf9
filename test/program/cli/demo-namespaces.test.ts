/** The demo with real interfaces. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { labTest } from '../../netns/support/lab.js';
import { mustRun, run } from '../../netns/support/process.js';
import { describeSystem } from '../../netns/support/requirements.js';
import { CLI } from '../support.js';

const PATIENCE_MS = 240_000;
const SIDES = ['client', 'server'] as const;
const namespaceOf = (id: string, side: string): string => `wg-ts-demo-${id}-${side}`;

/** What a demo that did not tidy up has left. */
async function removeRests(id: string): Promise<void> {
  for (const side of SIDES) {
    const { stdout } = await run(['ip', 'netns', 'pids', namespaceOf(id, side)]);
    for (const pid of stdout.split('\n').filter(Boolean)) process.kill(Number(pid), 'SIGKILL');
    await run(['ip', 'netns', 'del', namespaceOf(id, side)]);
  }
  for (const file of filesOf(id)) rmSync(file, { force: true });
}

function filesOf(id: string): string[] {
  return ['/run/wg-ts', '/var/run/wireguard']
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => path.join(folder, name)))
    .filter((file) => file.includes(`demo${id}-`));
}

describeSystem('wg-ts demo as root', ['namespaces', 'tun', 'ping'], () => {
  labTest(
    'pings between real interfaces, and removes all when its output is not read',
    { timeout: PATIENCE_MS },
    async ({ lab }) => {
      const stdio: ['ignore', 'pipe', 'inherit'] = ['ignore', 'pipe', 'inherit'];
      const child = spawn(process.execPath, [CLI, 'demo'], {
        env: { ...process.env, TMPDIR: lab.folder },
        stdio,
      });
      const closed = once(child, 'close');
      let output = '';
      let id = '';
      child.stdout.on('data', (chunk) => {
        output += chunk;
        id ||= /demo([0-9a-f]{4})-server\.conf/.exec(output)?.[1] ?? '';
        // Both tunnels are up then.
        if (output.includes('client$ ping fd77::1')) child.stdout.destroy();
      });
      lab.onClose(async () => {
        child.kill('SIGKILL');
        if (id !== '') await removeRests(id);
      });
      expect(await closed).toEqual([0, null]);
      expect(output).toMatch(/ip -4 address add 10\.77\.0\.2\/24 dev demo/);
      expect(output).toMatch(/^ {2}3 packets transmitted, 3 received, 0% packet loss/m);
      expect(id).not.toBe('');
      const namespaces = await mustRun(['ip', 'netns', 'list']);
      for (const side of SIDES) expect(namespaces).not.toContain(namespaceOf(id, side));
      expect(filesOf(id)).toEqual([]);
      expect(readdirSync(lab.folder)).toEqual([]);
    },
  );
});
