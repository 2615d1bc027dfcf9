import { expect } from 'vitest';
import { eventually } from '../../support/waiting.js';
import { Capture, type CapturedDatagram, trafficClassOf } from '../support/capture.js';
import { allCounters, expectNoChecksumErrors } from '../support/counters.js';
import { labTest, type Namespace } from '../support/lab.js';
import { startOwnPair } from '../support/ownpair.js';
import { describeSystem, TUNNEL } from '../support/requirements.js';
import { CLIENT_PORT, endpoint, type Family, INNER, PORT, startPair } from '../support/topology.js';
import { ping } from '../support/traffic.js';
import { expectStreamsIntact } from '../support/transfer.js';

const FAMILIES: readonly Family[] = ['v4', 'v6'];

// The two bits of RFC 3168, section 5.
const NOT_ECT = 0;
const ECT_1 = 1;
const ECT_0 = 2;
const CE = 3;
const AF41 = 0x88;
const EXPEDITED = 0xb8;

const TRANSPORT = 4;
const TRANSPORT_OVERHEAD = 32;
const MIB = 20;

/** Congestion between `namespace` and all others, for some of the datagrams of a port. */
async function markCongestion(namespace: Namespace, port: number, share = ''): Promise<void> {
  const nft = (rule: string): Promise<string> => namespace.mustRun(['nft', rule]);
  await nft('add table inet path');
  await nft('add chain inet path out { type filter hook postrouting priority 0; }');
  for (const family of ['ip', 'ip6'])
    await nft(`add rule inet path out udp sport ${port} ${share} ${family} ecn set ce`);
}

/** Lengths of which none is a multiple of another, nor is one of two or three of them. */
const LENGTHS: readonly number[] = [11, 13, 17, 19, 23, 29].map((prime) => 16 * prime);

/** Of the headers of an echo request or answer. */
const ECHO_BYTES: { readonly [family in Family]: number } = { v4: 28, v6: 48 };

/** What a ping has to carry so that its packet needs no padding in message `i`. */
function sizeOf(i: number, family: Family): number {
  return (LENGTHS[i] ?? 0) - TRANSPORT_OVERHEAD - ECHO_BYTES[family];
}

/** Of each message of `length` bytes; a run of them that was sent as one is seen as one. */
function classesOf(datagrams: readonly CapturedDatagram[], length: number): number[] {
  return datagrams
    .filter(({ payload }) => payload.length % length === 0)
    .flatMap(({ ip, payload }) => Array(payload.length / length).fill(trafficClassOf(ip)));
}

describeSystem('explicit congestion notification', [...TUNNEL, 'tcpdump', 'nft', 'nstat'], () => {
  for (const outer of FAMILIES) {
    for (const inner of FAMILIES) {
      labTest(
        `of a packet is told outside, and nothing else of it: ${inner} in ${outer}`,
        async ({ lab }) => {
          const { client, clientEnd } = await startPair(lab, { outer });
          const { namespace } = client;
          const filter = `udp and src port ${CLIENT_PORT}`;
          const onCable = await Capture.start(lab, namespace, clientEnd.device, filter);
          const cases: readonly (readonly [number, number])[] = [
            [NOT_ECT, NOT_ECT],
            [ECT_0, ECT_0],
            [ECT_1, ECT_1],
            // RFC 6040, section 4.1, as compatibility mode and the kernel have it.
            [CE, ECT_0],
            [EXPEDITED, NOT_ECT],
            [EXPEDITED | ECT_1, ECT_1],
          ];
          for (const [i, [trafficClass, expected]] of cases.entries()) {
            const size = sizeOf(i, inner);
            const target = INNER.server[inner];
            expect(await ping(namespace, target, { size, trafficClass })).toMatchObject({
              received: 3,
            });
            const classes = await eventually('the messages', 40_000, () => {
              const seen = classesOf(onCable.datagrams(), LENGTHS[i] ?? 0);
              return seen.length >= 3 && seen;
            });
            expect(classes).toEqual(Array(3).fill(expected));
          }
        },
      );

      labTest(
        `of the path is told inside, where it is understood: ${inner} in ${outer}`,
        async ({ lab }) => {
          const { client, server } = await startPair(lab, { outer });
          const { namespace, name } = client;
          await markCongestion(server.namespace, PORT);
          const onTun = await Capture.start(
            lab,
            namespace,
            name,
            `src host ${INNER.server[inner]}`,
          );
          const cases: readonly (readonly [number, number])[] = [
            [NOT_ECT, NOT_ECT],
            [ECT_0, CE],
            [ECT_1, CE],
            [CE, CE],
            [EXPEDITED, EXPEDITED],
            [EXPEDITED | ECT_0, EXPEDITED | CE],
          ];
          for (const [i, [trafficClass, expected]] of cases.entries()) {
            // The answer counts only when its header checksum fits what was changed in it.
            const size = sizeOf(i, inner);
            expect(
              await ping(namespace, INNER.server[inner], { size, trafficClass }),
            ).toMatchObject({ received: 3 });
            const length = ECHO_BYTES[inner] + size;
            const answers = await eventually('the answers', 40_000, () => {
              const seen = onTun.packets().filter(({ ip }) => ip.length === length);
              return seen.length >= 3 && seen;
            });
            expect(answers.map(({ ip }) => trafficClassOf(ip))).toEqual(Array(3).fill(expected));
          }
        },
      );
    }

    labTest(`slows TCP down, which stays intact: ${outer}`, async ({ lab }) => {
      const [clientEnd, serverEnd] = await lab.link(
        await lab.namespace('client'),
        await lab.namespace('server'),
      );
      const pair = await startOwnPair(lab, clientEnd, serverEnd, {
        endpoint: endpoint(serverEnd[outer], PORT),
      });
      const [from, to] = [clientEnd.namespace, serverEnd.namespace];
      expect(await ping(from, INNER.server.v4)).toMatchObject({ received: 3 });
      for (const namespace of [from, to])
        await namespace.mustRun(['sysctl', '-qw', 'net.ipv4.tcp_ecn=1']);
      const some = 'numgen random mod 20 == 0';
      await markCongestion(from, CLIENT_PORT, some);
      await markCongestion(to, PORT, some);
      for (const family of FAMILIES)
        await expectStreamsIntact({ from, to, address: INNER.server[family] }, MIB);
      for (const { namespace } of [pair.client, pair.server]) {
        await expectNoChecksumErrors(namespace);
        const counters = await allCounters(namespace);
        expect(counters['TcpExtTCPDeliveredCE']).toBeGreaterThan(0);
      }
    });

    for (const initiator of ['client', 'server'] as const)
      labTest(
        `shares its byte with the class of handshakes, AF41: ${outer}, the ${initiator} begins`,
        async ({ lab }) => {
          const pair = await startPair(lab, { outer, initiator });
          const filter = `udp and src port ${CLIENT_PORT}`;
          const { device } = pair.clientEnd;
          const onCable = await Capture.start(lab, pair.client.namespace, device, filter);
          const ways = {
            client: () => ping(pair.client.namespace, INNER.server.v4, { trafficClass: ECT_0 }),
            server: () => ping(pair.server.namespace, INNER.client.v4, { trafficClass: ECT_0 }),
          };
          expect(await ways[initiator]()).toMatchObject({ received: 3 });
          await eventually('a transport message', 40_000, () =>
            onCable.datagrams().some(({ payload }) => payload[0] === TRANSPORT),
          );
          const seen = onCable.datagrams().map(({ ip, payload }) => ({
            type: payload[0],
            trafficClass: trafficClassOf(ip),
          }));
          const handshakes = seen.filter(({ type }) => type !== TRANSPORT);
          const type = initiator === 'client' ? 1 : 2;
          expect(handshakes).toEqual([{ type, trafficClass: AF41 }]);
        },
      );
  }
});
