import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  COOKIE_REPLY_LENGTH,
  classify,
  decodeCookieReply,
  decodeInitiation,
  decodeResponse,
  encodeCookieReply,
  encodeInitiation,
  encodeResponse,
  INITIATION_LENGTH,
  MessageType,
  RESPONSE_LENGTH,
  readCounter,
  readReceiver,
  readSender,
  TRANSPORT_OVERHEAD,
  writeTransportHeader,
} from '../../protocol/messages.js';

const index = fc.nat(0xffff_ffff);
const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });

const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex');
const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte);

describe('layout', () => {
  it('is that of section 5.4.2 for an initiation', () => {
    const message = encodeInitiation({
      sender: 0x89abcdef,
      ephemeral: filled(32, 0x11),
      encryptedStatic: filled(48, 0x22),
      encryptedTimestamp: filled(28, 0x33),
    });
    expect(hex(message)).toBe(
      `01000000efcdab89${'11'.repeat(32)}${'22'.repeat(48)}${'33'.repeat(28)}${'00'.repeat(32)}`,
    );
    expect(message.length).toBe(148);
    expect(readSender(message)).toBe(0x89abcdef);
  });

  it('is that of section 5.4.3 for a response', () => {
    const message = encodeResponse({
      sender: 0xfedcba98,
      receiver: 0x01020304,
      ephemeral: filled(32, 0x11),
      encryptedNothing: filled(16, 0x22),
    });
    expect(hex(message)).toBe(
      `0200000098badcfe04030201${'11'.repeat(32)}${'22'.repeat(16)}${'00'.repeat(32)}`,
    );
    expect(message.length).toBe(92);
    expect(readSender(message)).toBe(0xfedcba98);
  });

  it('is that of section 5.4.7 for a cookie reply', () => {
    const message = encodeCookieReply({
      receiver: 0x80000001,
      nonce: filled(24, 0x11),
      encryptedCookie: filled(32, 0x22),
    });
    expect(hex(message)).toBe(`0300000001000080${'11'.repeat(24)}${'22'.repeat(32)}`);
    expect(message.length).toBe(64);
    expect(readReceiver(message)).toBe(0x80000001);
  });

  it('is that of section 5.4.6 for a transport header, whatever was there before', () => {
    const message = filled(20, 0xaa);
    writeTransportHeader(message, 0xdeadbeef, 0x0102030405060708n);
    expect(hex(message)).toBe('04000000efbeadde0807060504030201aaaaaaaa');
  });
});

describe('round trip', () => {
  it('of initiations', () => {
    const fields = fc.record({
      sender: index,
      ephemeral: bytes(32),
      encryptedStatic: bytes(48),
      encryptedTimestamp: bytes(28),
    });
    fc.assert(
      fc.property(fields, (initiation) => {
        expect(decodeInitiation(encodeInitiation(initiation))).toEqual(initiation);
      }),
    );
  });

  it('of responses', () => {
    const fields = fc.record({
      sender: index,
      receiver: index,
      ephemeral: bytes(32),
      encryptedNothing: bytes(16),
    });
    fc.assert(
      fc.property(fields, (response) => {
        expect(decodeResponse(encodeResponse(response))).toEqual(response);
      }),
    );
  });

  it('of cookie replies', () => {
    const fields = fc.record({ receiver: index, nonce: bytes(24), encryptedCookie: bytes(32) });
    fc.assert(
      fc.property(fields, (reply) => {
        expect(decodeCookieReply(encodeCookieReply(reply))).toEqual(reply);
      }),
    );
  });

  it('of transport headers, at any place in a buffer', () => {
    const counter = fc.oneof(
      fc.bigInt(0n, 2n ** 64n - 1n),
      fc.constantFrom(0n, 2n ** 32n, 2n ** 53n + 1n, 2n ** 64n - 1n),
    );
    fc.assert(
      fc.property(index, counter, fc.nat(9), (receiver, value, offset) => {
        const message = new Uint8Array(offset + TRANSPORT_OVERHEAD).subarray(offset);
        writeTransportHeader(message, receiver, value);
        expect(readReceiver(message)).toBe(receiver);
        expect(readCounter(message)).toBe(value);
        expect(classify(message)).toBe(MessageType.transport);
      }),
    );
  });
});

describe('decoding', () => {
  const initiation = (): Uint8Array =>
    encodeInitiation({
      sender: 1,
      ephemeral: filled(32, 1),
      encryptedStatic: filled(48, 2),
      encryptedTimestamp: filled(28, 3),
    });

  it('gives views, not copies', () => {
    const message = initiation();
    const decoded = decodeInitiation(message);
    message[8] = 0x77;
    expect(decoded?.ephemeral[0]).toBe(0x77);
    expect(decoded?.ephemeral.buffer).toBe(message.buffer);
  });

  it('refuses another type of the same length', () => {
    for (const type of [0, 2, 3, 4, 5, 129]) {
      const message = initiation();
      message[0] = type;
      expect(decodeInitiation(message)).toBeUndefined();
    }
    expect(decodeResponse(initiation())).toBeUndefined();
    expect(decodeCookieReply(initiation())).toBeUndefined();
  });

  it('refuses reserved bytes that are not zero', () => {
    for (const at of [1, 2, 3]) {
      const message = initiation();
      message[at] = 1;
      expect(decodeInitiation(message)).toBeUndefined();
    }
  });

  it('refuses a byte too few or too many', () => {
    expect(decodeInitiation(initiation().subarray(0, 147))).toBeUndefined();
    expect(decodeInitiation(Uint8Array.of(...initiation(), 0))).toBeUndefined();
  });
});

describe('encoding', () => {
  it('refuses fields of a wrong length', () => {
    const nonce = filled(24, 1);
    const encryptedCookie = filled(32, 1);
    expect(() =>
      encodeCookieReply({ receiver: 1, nonce: nonce.subarray(1), encryptedCookie }),
    ).toThrow(RangeError);
    expect(() => encodeCookieReply({ receiver: 1, nonce, encryptedCookie: filled(33, 1) })).toThrow(
      RangeError,
    );
  });
});

describe('classify', () => {
  const exact: Record<number, number> = {
    [MessageType.initiation]: INITIATION_LENGTH,
    [MessageType.response]: RESPONSE_LENGTH,
    [MessageType.cookieReply]: COOKIE_REPLY_LENGTH,
  };

  it('knows each type by its only length, and transport from 32 bytes on', () => {
    for (let type = 0; type < 256; type++) {
      for (const length of [0, 1, 3, 4, 15, 16, 31, 32, 63, 64, 65, 91, 92, 93, 147, 148, 149]) {
        const message = new Uint8Array(length);
        message.fill(type, 0, 1);
        const isKnown =
          type === MessageType.transport ? length >= 32 : length > 0 && exact[type] === length;
        expect(classify(message), `type ${type}, ${length} bytes`).toBe(isKnown ? type : undefined);
      }
    }
  });

  it('refuses reserved bytes that are not zero', () => {
    for (const at of [1, 2, 3]) {
      const message = new Uint8Array(64);
      message[0] = MessageType.transport;
      message[at] = 0x80;
      expect(classify(message)).toBeUndefined();
    }
  });

  it('agrees with the decoders on any bytes', () => {
    const length = fc.constantFrom(0, 4, 32, 63, 64, 92, 148, 149);
    const header = fc.tuple(fc.nat(5), fc.nat(1), fc.nat(1), fc.nat(1));
    fc.assert(
      fc.property(length, header, (size, start) => {
        const message = new Uint8Array(size);
        message.set(start.slice(0, size));
        const type = classify(message);
        expect(decodeInitiation(message) !== undefined).toBe(type === MessageType.initiation);
        expect(decodeResponse(message) !== undefined).toBe(type === MessageType.response);
        expect(decodeCookieReply(message) !== undefined).toBe(type === MessageType.cookieReply);
      }),
    );
  });
});
