/** What the native library cuts and joins, judged by the kernel: its sockets get it byte for byte. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { expectNoChecksumErrors } from './support/counters.js';
import { build, cProgram } from './support/cprogram.js';
import { type Lab, labTest, type Namespace } from './support/lab.js';
import type { Running } from './support/process.js';
import { describeSystem } from './support/requirements.js';
import { expectDatagramsIntact, expectStreamsIntact } from './support/transfer.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const MIB = 32;
const DATAGRAMS = { count: 3000, share: 0.8, pauseMicroseconds: 2000 };
const ADDRESSES = ['10.88.0', 'fd88:'] as const;

interface WayCounts {
  readonly cutTcp: number;
  readonly cutUdp: number;
  readonly joinedTcp: number;
  readonly joinedUdp: number;
  readonly mostJoined: number;
  readonly notCut: number;
  readonly notWritten: number;
}

interface Cable {
  readonly process: Running;
  readonly ends: readonly [Namespace, Namespace];
}

function compileLink(lab: Lab): string {
  const library = join(root, 'native/lib');
  const parts = readdirSync(library).filter((name) =>
    /^(checksum|segment|coalesce).*\.c$/.test(name),
  );
  const out = join(lab.folder, 'offloadlink');
  const files = [
    join(root, 'test/system/support/offloadlink.c'),
    ...parts.map((name) => join(library, name)),
  ];
  const warnings = build.compile({ out, files, program: true });
  if (warnings !== '') throw new Error(warnings);
  return out;
}

async function connect(lab: Lab): Promise<Cable> {
  const ends = [await lab.namespace('a'), await lab.namespace('b')] as const;
  const device = lab.interfaceName();
  const process = ends[0].spawn([...[compileLink(lab), ...ends.map(({ name }) => name), device]]);
  await process.says(/ready/);
  for (const [i, end] of ends.entries()) {
    await end.mustRun(['sysctl', '-qw', 'net.ipv4.tcp_ecn=1']);
    for (const network of ADDRESSES)
      await end.ip(`addr add ${addressOf(network, i)} dev ${device}`);
    await end.ip(`link set ${device} mtu 1420 txqueuelen 4000 up`);
  }
  return { process, ends };
}

const hostOf = (network: string, end: number): string =>
  network.includes(':') ? `${network}:${end + 1}` : `${network}.${end + 1}`;
const addressOf = (network: string, end: number): string =>
  `${hostOf(network, end)}/${network.includes(':') ? 64 : 24}`;

async function countsOf(process: Running): Promise<{ there: WayCounts; back: WayCounts }> {
  await process.stop();
  const [line] = /^\{.*\}$/m.exec(process.stdout) ?? [];
  if (line === undefined) throw new Error(`no counts: ${process.stderr}`);
  return JSON.parse(line) as { there: WayCounts; back: WayCounts };
}

describeSystem(
  'the kernel, with packets cut and joined',
  ['namespaces', 'tun', 'compiler', 'nstat'],
  () => {
    labTest('gets TCP streams as they were sent, both ways', async ({ lab }) => {
      const { process, ends } = await connect(lab);
      const [from, to] = ends;
      for (const network of ADDRESSES)
        await expectStreamsIntact({ from, to, address: hostOf(network, 1) }, MIB);
      for (const end of ends) await expectNoChecksumErrors(end);
      const { there, back } = await countsOf(process);
      for (const way of [there, back]) {
        expect(way).toMatchObject({ notCut: 0, notWritten: 0 });
        expect(way.cutTcp).toBeGreaterThan(0);
        expect(way.joinedTcp).toBeGreaterThan(0);
        expect(way.mostJoined).toBeGreaterThan(20);
      }
    });

    labTest('gets datagrams as they were sent', async ({ lab }) => {
      const { process, ends } = await connect(lab);
      const [from, to] = ends;
      const program = cProgram(lab, 'datagrams');
      for (const network of ADDRESSES)
        await expectDatagramsIntact(program, { from, to, address: hostOf(network, 1) }, DATAGRAMS);
      for (const end of ends) await expectNoChecksumErrors(end);
      const { there } = await countsOf(process);
      expect(there).toMatchObject({ notCut: 0, notWritten: 0 });
      expect(there.joinedUdp).toBeGreaterThan(0);
      expect(there.mostJoined).toBeGreaterThan(5);
    });
  },
);
