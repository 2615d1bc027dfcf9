import { expect } from 'vitest';
import { cProgram } from '../support/cprogram.js';
import { labTest } from '../support/lab.js';
import { Relay } from '../support/relay.js';
import { describeSystem } from '../support/requirements.js';
import { ping } from '../support/traffic.js';

const COUNT = 20_000;
const RATES = { loss: 2, reorder: 3, double: 1 };

/** Datagrams that say that there are no more; of what comes after the first nothing is known. */
const ENDS = 20;

function expectAbout(count: number | undefined, expected: number, tolerance: number): void {
  expect(count).toBeGreaterThanOrEqual(expected - tolerance);
  expect(count).toBeLessThanOrEqual(expected + tolerance);
}

describeSystem('the bad path of the tests', ['namespaces', 'ping', 'compiler'], () => {
  for (const family of ['v4', 'v6'] as const)
    labTest(`loses, doubles and reorders as much as it reports: ${family}`, async ({ lab }) => {
      const [sender, middle] = await lab.link(await lab.namespace('a'), await lab.namespace('m'));
      const [, receiver] = await lab.link(middle.namespace, await lab.namespace('b'));
      // What is sent before the neighbours know each other is partly lost.
      await ping(sender.namespace, middle[family]);
      await ping(middle.namespace, receiver[family]);
      const at = { address: middle[family], port: 7000 };
      const target = { address: receiver[family], port: 7001 };
      const relay = await Relay.start(lab, middle.namespace, at, target, RATES, 1);

      const program = cProgram(lab, 'datagrams');
      const [to, port] = [target.address, String(target.port)];
      const receiving = receiver.namespace.spawn([program, 'receive', to, port]);
      await receiving.says(/ready/);
      const sending = [program, 'send', at.address, String(at.port), String(COUNT), '1000'];
      await sender.namespace.mustRun(sending);
      expect(await receiving.exited).toBe(0);
      const { there, back } = await relay.stop();

      expect(there.received).toBe(COUNT + ENDS);
      expectAbout(there.lost, COUNT * 0.02, COUNT * 0.005);
      expectAbout(there.reordered, COUNT * 0.03, COUNT * 0.005);
      expectAbout(there.doubled, COUNT * 0.01, COUNT * 0.005);
      expect(there.unsent).toBe(0);
      expect(back.received).toBe(0);
      const seen = JSON.parse(receiving.stdout.split('\n')[1] ?? '') as Record<string, number>;
      expect(seen).toMatchObject({ damaged: 0 });
      expectAbout(seen['whole'], COUNT - there.lost, ENDS);
      expectAbout(seen['late'], there.reordered, ENDS);
      expectAbout(seen['doubled'], there.doubled, ENDS);
    });
});
