/** What the native library cuts and joins, judged by the kernel: its sockets get it byte for byte. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { expectNoChecksumErrors } from '../support/counters.js';
import { build, cProgram } from '../support/cprogram.js';
import { type Lab, labTest, type Namespace } from '../support/lab.js';
import type { Running } from '../support/process.js';
import { describeSystem } from '../support/requirements.js';
import { makeRouter } from '../support/topology.js';
import { expectDatagramsIntact, expectStreamsIntact } from '../support/transfer.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const MIB = 32;
/** Where the kernel has to cut and to sum. */
const SLOW_MIB = 8;
const DATAGRAMS = { count: 3000, share: 0.8, pauseMicroseconds: 2000 };
const FAMILIES = ['v4', 'v6'] as const;

interface WayCounts {
  readonly cutTcp: number;
  readonly cutUdp: number;
  readonly joinedTcp: number;
  readonly joinedUdp: number;
  readonly mostJoined: number;
  readonly notCut: number;
  readonly notWritten: number;
}

type Pair<T> = readonly [T, T];

interface Cable {
  readonly process: Running;
  readonly device: string;
  /** Of the second end. */
  readonly far: Readonly<Record<(typeof FAMILIES)[number], string>>;
}

function compileLink(lab: Lab): string {
  const library = join(root, 'native/lib');
  const parts = readdirSync(library).filter((name) =>
    /^(checksum|segment|coalesce).*\.c$/.test(name),
  );
  const out = join(lab.folder, 'offloadlink');
  const files = [
    join(root, 'test/netns/support/offloadlink.c'),
    ...parts.map((name) => join(library, name)),
  ];
  const warnings = build.compile({ out, files, program: true });
  if (warnings !== '') throw new Error(warnings);
  return out;
}

/** The networks 10.88.N.0/24 and fd88:N::/64: the first end is .1, the second .2. */
async function connect(
  lab: Lab,
  ends: Pair<Namespace>,
  n: number,
  offloads: 'offloads' | 'none' = 'offloads',
): Promise<Cable> {
  const device = lab.interfaceName();
  const names = ends.map(({ name }) => name);
  const process = ends[0].spawn([compileLink(lab), offloads, ...names, device]);
  await process.says(/ready/);
  for (const [i, end] of ends.entries()) {
    await end.mustRun(['sysctl', '-qw', 'net.ipv4.tcp_ecn=1']);
    await end.ip(`addr add 10.88.${n}.${i + 1}/24 dev ${device}`);
    await end.ip(`addr add fd88:${n}::${i + 1}/64 dev ${device}`);
    await end.ip(`link set ${device} mtu 1420 txqueuelen 4000 up`);
  }
  return { process, device, far: { v4: `10.88.${n}.2`, v6: `fd88:${n}::2` } };
}

async function countsOf({ process }: Cable): Promise<{ there: WayCounts; back: WayCounts }> {
  await process.stop();
  const [line] = /^\{.*\}$/m.exec(process.stdout) ?? [];
  if (line === undefined) throw new Error(`no counts: ${process.stderr}`);
  return JSON.parse(line) as { there: WayCounts; back: WayCounts };
}

const namespaces = async (lab: Lab): Promise<Pair<Namespace>> => [
  await lab.namespace('a'),
  await lab.namespace('b'),
];

const NEEDS = ['namespaces', 'tun', 'compiler', 'nstat'] as const;

describeSystem('the kernel, with packets cut and joined', NEEDS, () => {
  labTest('gets TCP streams as they were sent, both ways', async ({ lab }) => {
    const ends = await namespaces(lab);
    const [from, to] = ends;
    const cable = await connect(lab, ends, 0);
    for (const family of FAMILIES)
      await expectStreamsIntact({ from, to, address: cable.far[family] }, MIB);
    for (const end of ends) await expectNoChecksumErrors(end);
    const { there, back } = await countsOf(cable);
    for (const way of [there, back]) {
      expect(way).toMatchObject({ notCut: 0, notWritten: 0 });
      expect(way.cutTcp).toBeGreaterThan(0);
      expect(way.joinedTcp).toBeGreaterThan(0);
      expect(way.mostJoined).toBeGreaterThan(20);
    }
  });

  labTest('gets datagrams as they were sent', async ({ lab }) => {
    const ends = await namespaces(lab);
    const [from, to] = ends;
    const cable = await connect(lab, ends, 0);
    const program = cProgram(lab, 'datagrams');
    for (const family of FAMILIES)
      await expectDatagramsIntact(program, { from, to, address: cable.far[family] }, DATAGRAMS);
    for (const end of ends) await expectNoChecksumErrors(end);
    const { there } = await countsOf(cable);
    expect(there).toMatchObject({ notCut: 0, notWritten: 0 });
    expect(there.joinedUdp).toBeGreaterThan(0);
    expect(there.mostJoined).toBeGreaterThan(5);
  });

  // What is delivered at once is not verified, but what is passed on is cut, summed and then verified.
  labTest('makes right packets of them for a kernel behind it', async ({ lab }) => {
    const ends = await namespaces(lab);
    const [from, router] = ends;
    const to = await lab.namespace('c');
    const near = await connect(lab, ends, 0);
    const behind = await connect(lab, [router, to], 1, 'none');
    await makeRouter(router);
    await from.ip(`route add 10.88.1.0/24 via ${near.far.v4}`);
    await from.ip(`-6 route add fd88:1::/64 via ${near.far.v6}`);
    await to.ip('route add 10.88.0.0/24 via 10.88.1.1');
    await to.ip('-6 route add fd88:0::/64 via fd88:1::1');
    const program = cProgram(lab, 'datagrams');
    for (const family of FAMILIES) {
      const route = { from, to, address: behind.far[family] };
      await expectStreamsIntact(route, SLOW_MIB);
      await expectDatagramsIntact(program, route, DATAGRAMS);
    }
    for (const end of [...ends, to]) await expectNoChecksumErrors(end);
    const { there } = await countsOf(near);
    expect(there).toMatchObject({ notCut: 0, notWritten: 0 });
    expect(there.joinedTcp).toBeGreaterThan(0);
    expect(there.joinedUdp).toBeGreaterThan(0);
    // None of it came to the other end joined.
    expect(await countsOf(behind)).toMatchObject({
      there: { cutTcp: 0, cutUdp: 0, joinedTcp: 0, joinedUdp: 0, notCut: 0, notWritten: 0 },
    });
  });
});
