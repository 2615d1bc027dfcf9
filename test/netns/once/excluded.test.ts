import { expect } from 'vitest';
import {
  type ClosedOptions,
  killDaemon,
  LAN,
  Leaks,
  makeClosed,
  PUBLIC,
  reaches,
} from '../support/closed.js';
import { labTest } from '../support/lab.js';
import { describeSystem, isReference, TUNNEL } from '../support/requirements.js';
import { command } from '../support/tunnel.js';

describeSystem(
  'networks that are left out of a default route',
  [...TUNNEL, 'tcpdump', 'nft'],
  () => {
    // wg-quick has nothing of the kind.
    const subjectTest = labTest.skipIf(isReference);
    const lan = { peerLines: ['ExcludedIPs = lan'] };
    const cases: readonly (readonly [string, ClosedOptions])[] = [
      ['with the endpoint in what goes through', lan],
      ['with the endpoint by IPv6', { ...lan, outer: 'v6' }],
      ['with the endpoint in what is left out', { ...lan, host: LAN.server }],
      ['with the kill switch', { ...lan, interfaceLines: ['KillSwitch = true'] }],
    ];

    for (const [label, options] of cases)
      subjectTest(`go past the tunnel, and nothing else: ${label}`, async ({ lab }) => {
        const closed = await makeClosed(lab, options);
        const { client } = closed;
        const before = await client.namespace.snapshot();
        await client.up();
        const leaks = await Leaks.watch(lab, closed);
        for (const address of [PUBLIC.v4, PUBLIC.v6])
          expect(await reaches(client.namespace, address)).toBe(true);
        expect(leaks.seen()).toEqual([]);
        // On the cable, and behind the router.
        for (const [i, address] of [LAN.server, LAN.behind].entries()) {
          expect(await reaches(client.namespace, address)).toBe(true);
          await leaks.expectCount(i + 1);
        }
        await leaks.stop();
        await client.down();
        expect(await client.namespace.snapshot()).toBe(before);
      });

    subjectTest('can be the local network by an option of up', async ({ lab }) => {
      const closed = await makeClosed(lab);
      const { client } = closed;
      const before = await client.namespace.snapshot();
      const up = await client.namespace.run(command('up', '--exclude-lan', client.file));
      expect(up).toMatchObject({ code: 0 });
      const leaks = await Leaks.watch(lab, closed);
      expect(await reaches(client.namespace, PUBLIC.v4)).toBe(true);
      expect(leaks.seen()).toEqual([]);
      expect(await reaches(client.namespace, LAN.behind)).toBe(true);
      await leaks.expectCount(1);
      await client.down();
      expect(await client.namespace.snapshot()).toBe(before);
    });

    subjectTest('leave nothing behind when the tunnel is killed', async ({ lab }) => {
      const closed = await makeClosed(lab, lan);
      const { client } = closed;
      const before = await client.namespace.snapshot();
      await client.up();
      await killDaemon(closed);
      expect(await client.namespace.snapshot()).toContain('throw');
      expect(await client.tryDown()).toMatchObject({ code: 0 });
      expect(await client.namespace.snapshot()).toBe(before);
    });
  },
);
