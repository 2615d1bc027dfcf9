/** The inner parts of the native library against those in TypeScript, which are the reference. */
import fc from 'fast-check';
import type { LibraryHandle } from 'koffi';
import { beforeAll, describe, expect, it } from 'vitest';
import { defaultProviders } from '../../crypto/providers.js';
import { REJECT_AFTER_MESSAGES, REJECT_AFTER_TIME } from '../../protocol/constants.js';
import { UnreachableReplies } from '../../protocol/icmp.js';
import { KeypairSlots } from '../../protocol/keypair.js';
import { ipFamily } from '../../protocol/packet.js';
import { ReplayWindow } from '../../protocol/replay.js';
import { ipPacket, onesComplementSum } from '../support/packets.js';
import { loadTestLibrary, whyNoTestLibrary } from './testlibrary.js';

const HEADROOM = 64;
const SLACK = 32;
const TAG = 16;
const NANOSECONDS = 1_000_000;

const here = whyNoTestLibrary === undefined ? describe : describe.skip;

here(`the native core${whyNoTestLibrary ? ` (skipped: ${whyNoTestLibrary})` : ''}`, () => {
  let lib: LibraryHandle;
  beforeAll(() => {
    const names = ['aead', 'aead_direct', 'aead_evp', 'aead_selftest', 'replay', 'icmp'];
    const files = [...names, 'checksum', 'keypair', 'peer'].map((name) => `native/lib/${name}.c`);
    lib = loadTestLibrary('core', { files: ['test/native/core_shim.c', ...files] });
  });

  describe('replay window', () => {
    const counters = fc.oneof(
      fc.bigInt({ min: 0n, max: 20_000n }),
      fc.bigInt({ min: REJECT_AFTER_MESSAGES - 9000n, max: 2n ** 64n - 1n }),
      fc.bigInt({ min: 2n ** 32n - 9000n, max: 2n ** 32n + 9000n }),
    );

    it('accepts what the one in TypeScript accepts', () => {
      const create = lib.func('void *test_replay_new()');
      const destroy = lib.func('void test_replay_free(void *replay)');
      const take = lib.func('int test_replay(void *replay, uint64_t counter)');
      const steps = fc.array(fc.tuple(counters, fc.integer({ min: -8200, max: 8200 })), {
        maxLength: 60,
      });
      fc.assert(
        fc.property(steps, (all) => {
          const native = create();
          const reference = new ReplayWindow();
          for (const [far, near] of all)
            for (const counter of [far, far + BigInt(near), far + BigInt(near), far]) {
              if (counter < 0n || counter >= 2n ** 64n) continue;
              const expected = Number(reference.isFresh(counter));
              expect(take(native, counter)).toBe(
                expected | (Number(reference.accept(counter)) << 1),
              );
            }
          destroy(native);
        }),
        { numRuns: 200 },
      );
    });
  });

  describe.each([
    ['direct', 1],
    ['EVP', 0],
  ])('AEAD by %s', (_, allowDirect) => {
    const around = (bytes: Uint8Array, behind = 0): Uint8Array => {
      const memory = new Uint8Array(HEADROOM + bytes.length + behind + SLACK).fill(0x5a);
      memory.set(bytes, HEADROOM);
      return memory;
    };
    const input = fc.record({
      key: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      counter: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      packet: fc.uint8Array({ maxLength: 2000 }),
      padding: fc.integer({ min: 0, max: 15 }),
      flip: fc.nat(),
    });

    it('seals and opens what the one in TypeScript opens and seals', () => {
      const seal = lib.func(
        'int test_seal(void *key, uint64_t counter, void *memory, size_t length, size_t padding, void *out, int direct)',
      );
      const open = lib.func(
        'int test_open(void *key, uint64_t counter, void *memory, size_t length, void *out, int direct)',
      );
      fc.assert(
        fc.property(input, ({ key, counter, packet, padding, flip }) => {
          const nonce = new Uint8Array(12);
          new DataView(nonce.buffer).setBigUint64(4, counter, true);
          const padded = new Uint8Array(packet.length + padding);
          padded.set(packet);
          const reference = defaultProviders().aead.createKey(key);
          const sealed = new Uint8Array(padded.length + TAG);
          reference.seal(nonce, padded, sealed);

          const memory = around(packet);
          const out = around(new Uint8Array(padded.length), TAG);
          expect(seal(key, counter, memory, packet.length, padding, out, allowDirect)).toBe(1);
          expect(out.slice(HEADROOM, HEADROOM + sealed.length)).toEqual(sealed);
          expect(out.slice(0, HEADROOM)).toEqual(new Uint8Array(HEADROOM).fill(0x5a));
          expect(memory.slice(HEADROOM)).toEqual(around(packet).slice(HEADROOM));

          const opened = around(padded);
          opened.fill(0);
          const good = around(sealed);
          expect(open(key, counter, good, padded.length, opened, allowDirect)).toBe(1);
          expect(opened.slice(HEADROOM, HEADROOM + padded.length)).toEqual(padded);
          const forged = around(sealed);
          const at = HEADROOM + (flip % sealed.length);
          forged[at] = (forged[at] as number) ^ (1 << (flip % 8));
          expect(open(key, counter, forged, padded.length, opened, allowDirect)).toBe(0);
          const moved = counter === 0n ? 1n : counter - 1n;
          expect(open(key, moved, around(sealed), padded.length, opened, allowDirect)).toBe(0);
        }),
        { numRuns: 150 },
      );
    });
  });

  it('gives out counters up to the limit and none beyond', () => {
    const take = lib.func(
      'uint64_t test_take_counters(uint64_t start, uint64_t wanted, void *first)',
    );
    const first = new BigUint64Array(1);
    const taken = (start: bigint, wanted: bigint): [bigint, bigint] => {
      const count = BigInt(take(start, wanted, new Uint8Array(first.buffer)));
      return [count, first[0] as bigint];
    };
    expect(taken(7n, 47n)).toEqual([47n, 7n]);
    expect(taken(REJECT_AFTER_MESSAGES - 5n, 47n)).toEqual([5n, REJECT_AFTER_MESSAGES - 5n]);
    expect(taken(REJECT_AFTER_MESSAGES, 1n)[0]).toBe(0n);
    expect(taken(2n ** 64n - 1n, 128n)[0]).toBe(0n);
  });

  it('keeps keypairs in the same slots', () => {
    const create = lib.func('void *test_peer_new()');
    const destroy = lib.func('void test_peer_free(void *peer)');
    const install = lib.func(
      'void test_peer_install(void *peer, uint32_t index, int initiator, uint64_t created, void *out)',
    );
    const confirm = lib.func('int test_peer_confirm(void *peer, uint32_t index, void *out)');
    const clear = lib.func('void test_peer_clear(void *peer, void *out)');
    const step = fc.oneof(
      fc.record({
        type: fc.constant('install' as const),
        isInitiator: fc.boolean(),
        later: fc.integer({ min: 0, max: REJECT_AFTER_TIME + 2 }),
      }),
      fc.record({ type: fc.constant('confirm' as const), back: fc.integer({ min: 0, max: 3 }) }),
      fc.record({ type: fc.constant('clear' as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const peer = create();
        const reference = new KeypairSlots<{
          localIndex: number;
          isInitiator: boolean;
          createdAt: number;
        }>();
        const out = new Uint32Array(6);
        const bytes = new Uint8Array(out.buffer);
        let now = 1_000_000;
        let last = 0;
        for (const s of steps) {
          let dropped: number[] = [];
          if (s.type === 'install') {
            now += s.later;
            const keypair = { localIndex: ++last, isInitiator: s.isInitiator, createdAt: now };
            dropped = reference.install(keypair).map((k) => k.localIndex);
            install(peer, last, s.isInitiator ? 1 : 0, BigInt(now) * BigInt(NANOSECONDS), bytes);
          } else if (s.type === 'confirm') {
            const { previous, current, next } = reference;
            const keypair = [previous, current, next].find((k) => k?.localIndex === last - s.back);
            const isConfirmed = keypair !== undefined && reference.isConfirmedBy(keypair);
            if (isConfirmed) dropped = [reference.promote()?.localIndex ?? 0];
            expect(confirm(peer, last - s.back, bytes)).toBe(isConfirmed ? 1 : 0);
          } else {
            dropped = reference.clear().map((k) => k.localIndex);
            clear(peer, bytes);
          }
          const { previous, current, next } = reference;
          const slots = [previous, current, next].map((k) => k?.localIndex ?? 0);
          expect([...out.subarray(0, 3)]).toEqual(slots);
          const lost = dropped.filter((index) => index !== 0).sort((a, b) => a - b);
          expect([...out.subarray(3)].filter((i) => i !== 0).sort((a, b) => a - b)).toEqual(lost);
        }
        clear(peer, bytes);
        destroy(peer);
      }),
      { numRuns: 200 },
    );
  });

  it('answers packets for no peer as the one in TypeScript does, at the same rate', () => {
    const create = lib.func('void *test_limiter_new()');
    const destroy = lib.func('void test_limiter_free(void *limiter)');
    const answer = lib.func(
      'size_t test_unreachable(void *limiter, uint64_t now, void *packet, size_t length, void *reply)',
    );
    const packet = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 100 }),
      fc
        .tuple(fc.constantFrom('10.0.0.1', 'fd00::1'), fc.uint8Array({ maxLength: 1500 }), fc.nat())
        .map(([from, payload, change]) => {
          const to = from.includes(':') ? 'fd00::2' : '10.0.0.2';
          const bytes = ipPacket(from, to, payload, change % 3 === 0 ? 1 : 58);
          if (change % 2 === 0) bytes[change % bytes.length] = change % 251;
          return bytes;
        }),
    );
    const steps = fc.array(fc.tuple(packet, fc.integer({ min: 0, max: 40 })), { maxLength: 150 });
    fc.assert(
      fc.property(steps, (all) => {
        const limiter = create();
        const reference = new UnreachableReplies();
        const reply = new Uint8Array(1280);
        let now = 1_000_000;
        for (const [bytes, later] of all) {
          now += later;
          const family = ipFamily(bytes);
          const expected = family && reference.replyTo(now, bytes, family);
          const at = BigInt(now) * BigInt(NANOSECONDS);
          const length = Number(answer(limiter, at, bytes, bytes.length, reply));
          expect(reply.subarray(0, length)).toEqual(expected ?? new Uint8Array(0));
        }
        destroy(limiter);
      }),
      { numRuns: 60 },
    );
  });

  it.each(['10.0.0.1', 'fd00::1'])('carries ECN out of and into packets from %s', (from) => {
    const ecn = lib.func('int test_ecn(uint8_t outer, void *packet)');
    const to = from.includes(':') ? 'fd00::2' : '10.0.0.2';
    for (const inner of [0, 1, 2, 3])
      for (const outer of [0, 1, 2, 3]) {
        const packet = ipPacket(from, to, 'ecn');
        const isV4 = packet[0] === 0x45;
        if (isV4) {
          packet[1] = 0xb8 | inner;
          packet.set([0, 0], 10);
          const sum = onesComplementSum(packet.subarray(0, 20)) ^ 0xffff;
          packet.set([sum >> 8, sum & 0xff], 10);
        } else packet.set([0x6b, 0x80 | (inner << 4)]);
        // RFC 6040 and the kernel: a mark from before stays inside.
        expect(ecn(outer, packet)).toBe(inner === 3 ? 2 : inner);
        const after = isV4 ? (packet[1] as number) & 3 : ((packet[1] as number) >> 4) & 3;
        expect(after).toBe(outer === 3 && inner !== 0 ? 3 : inner);
        if (isV4) expect(onesComplementSum(packet.subarray(0, 20))).toBe(0xffff);
      }
  });
});
