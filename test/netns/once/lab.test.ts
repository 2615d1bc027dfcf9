import { existsSync } from 'node:fs';
import { expect } from 'vitest';
import { Capture } from '../support/capture.js';
import { Lab, labTest } from '../support/lab.js';
import { mustRun, run } from '../support/process.js';
import { describeSystem } from '../support/requirements.js';
import { ping } from '../support/traffic.js';

describeSystem('the laboratory', ['namespaces', 'ping', 'tcpdump'], () => {
  labTest('links namespaces over both families at once', async ({ lab }) => {
    const [a, b] = await lab.link(await lab.namespace('a'), await lab.namespace('b'));
    const capture = await Capture.start(lab, b.namespace, b.device, 'icmp or icmp6');
    for (const address of [b.v4, b.v6])
      expect(await ping(a.namespace, address)).toMatchObject({ sent: 3, received: 3 });
    expect(await ping(a.namespace, '198.18.1.9', { count: 1, patienceSeconds: 2 })).toMatchObject({
      received: 0,
    });
    await expect
      .poll(() => capture.packets().length, { timeout: 10_000 })
      .toBeGreaterThanOrEqual(12);
    expect(capture.datagrams()).toEqual([]);
  });

  labTest('sees what changes in a network', async ({ lab }) => {
    const namespace = await lab.namespace('a');
    const before = await namespace.snapshot();
    expect(await namespace.snapshot()).toBe(before);
    await namespace.ip('rule add fwmark 7 table 7');
    expect(await namespace.snapshot()).not.toBe(before);
    await namespace.ip('rule del fwmark 7 table 7');
    expect(await namespace.snapshot()).toBe(before);
  });

  labTest('ends a program that takes too long', async ({ lab }) => {
    const namespace = await lab.namespace('a');
    const result = await namespace.run(['sleep', '60'], { timeoutMs: 100 });
    expect(result).toMatchObject({ code: -1, timedOut: true });
    expect(await namespace.pids()).toEqual([]);
  });

  labTest('ends its programs and removes its namespaces', async () => {
    const lab = new Lab();
    const namespace = await lab.namespace('a');
    const running = namespace.spawn(['sleep', '60']);
    await lab.close();
    expect(running.hasEnded).toBe(true);
    expect(await mustRun(['ip', 'netns', 'list'])).not.toContain(namespace.name);
    expect(existsSync(lab.folder)).toBe(false);
  });

  labTest('complains of a process that was not ended, and ends it', async () => {
    const lab = new Lab();
    const namespace = await lab.namespace('a');
    await namespace.mustRun(['sh', '-c', 'setsid sleep 60 >/dev/null 2>&1 &']);
    const [pid] = await namespace.pids();
    await expect(lab.close()).rejects.toThrow(`process ${pid} was left in ${namespace.name}`);
    expect((await run(['ps', '-p', String(pid), '-o', 'stat='])).stdout.trim()).toMatch(/^(Z.*)?$/);
    expect(await mustRun(['ip', 'netns', 'list'])).not.toContain(namespace.name);
  });
});
