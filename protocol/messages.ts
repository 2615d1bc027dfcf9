/** The four messages as bytes (sections 5.4.2 to 5.4.7). All integers are little-endian. */
import {
  COOKIE_NONCE_BYTES,
  KEY_BYTES,
  MAC_BYTES,
  TAG_BYTES,
  TIMESTAMP_BYTES,
} from './constants.js';

export const MessageType = { initiation: 1, response: 2, cookieReply: 3, transport: 4 } as const;
export type MessageType = (typeof MessageType)[keyof typeof MessageType];
/** The types of the messages that the control plane handles. */
export type HandshakeType = Exclude<MessageType, typeof MessageType.transport>;

const INDEX_BYTES = 4;
const HEADER_BYTES = 4 + INDEX_BYTES;
const MACS_BYTES = 2 * MAC_BYTES;

const INITIATION_STATIC = HEADER_BYTES + KEY_BYTES;
const INITIATION_TIMESTAMP = INITIATION_STATIC + KEY_BYTES + TAG_BYTES;
const INITIATION_MACS = INITIATION_TIMESTAMP + TIMESTAMP_BYTES + TAG_BYTES;

const RESPONSE_RECEIVER = HEADER_BYTES;
const RESPONSE_EPHEMERAL = RESPONSE_RECEIVER + INDEX_BYTES;
const RESPONSE_NOTHING = RESPONSE_EPHEMERAL + KEY_BYTES;
const RESPONSE_MACS = RESPONSE_NOTHING + TAG_BYTES;

const COOKIE_NONCE = HEADER_BYTES;
const COOKIE_SEALED = COOKIE_NONCE + COOKIE_NONCE_BYTES;

/** In bytes. */
export const INITIATION_LENGTH: number = INITIATION_MACS + MACS_BYTES;
/** In bytes. */
export const RESPONSE_LENGTH: number = RESPONSE_MACS + MACS_BYTES;
/** In bytes. */
export const COOKIE_REPLY_LENGTH: number = COOKIE_SEALED + MAC_BYTES + TAG_BYTES;
/** Bytes before the encrypted packet of a transport message. */
export const TRANSPORT_HEADER_LENGTH = 16;
/** Bytes of a transport message besides the packet in it: header and tag. A keepalive is just these. */
export const TRANSPORT_OVERHEAD: number = TRANSPORT_HEADER_LENGTH + TAG_BYTES;

/** Type 1. Fields that are arrays have 32, 48 and 28 bytes. */
export interface Initiation {
  readonly sender: number;
  readonly ephemeral: Uint8Array;
  readonly encryptedStatic: Uint8Array;
  readonly encryptedTimestamp: Uint8Array;
}

/** Type 2. Fields that are arrays have 32 and 16 bytes. */
export interface Response {
  readonly sender: number;
  readonly receiver: number;
  readonly ephemeral: Uint8Array;
  readonly encryptedNothing: Uint8Array;
}

/** Type 3. Fields that are arrays have 24 and 32 bytes. */
export interface CookieReply {
  readonly receiver: number;
  readonly nonce: Uint8Array;
  readonly encryptedCookie: Uint8Array;
}

/** Returns the type of a datagram of the right length with its reserved bytes zero, else undefined. */
export function classify(datagram: Uint8Array): MessageType | undefined {
  const { length } = datagram;
  if (length < TRANSPORT_HEADER_LENGTH) return undefined;
  if (datagram[1] !== 0 || datagram[2] !== 0 || datagram[3] !== 0) return undefined;
  switch (datagram[0]) {
    case MessageType.initiation:
      return length === INITIATION_LENGTH ? MessageType.initiation : undefined;
    case MessageType.response:
      return length === RESPONSE_LENGTH ? MessageType.response : undefined;
    case MessageType.cookieReply:
      return length === COOKIE_REPLY_LENGTH ? MessageType.cookieReply : undefined;
    case MessageType.transport:
      return length >= TRANSPORT_OVERHEAD ? MessageType.transport : undefined;
    default:
      return undefined;
  }
}

/** Like `classify`, but returns undefined for a transport message too. */
export function classifyHandshake(datagram: Uint8Array): HandshakeType | undefined {
  const type = classify(datagram);
  return type === MessageType.transport ? undefined : type;
}

/** Returns 148 bytes, both macs zero. Throws RangeError for a field of a wrong length. */
export function encodeInitiation(fields: Initiation): Uint8Array {
  const out = start(MessageType.initiation, INITIATION_LENGTH);
  writeUint32(out, 4, fields.sender);
  put(out, HEADER_BYTES, INITIATION_STATIC, fields.ephemeral);
  put(out, INITIATION_STATIC, INITIATION_TIMESTAMP, fields.encryptedStatic);
  put(out, INITIATION_TIMESTAMP, INITIATION_MACS, fields.encryptedTimestamp);
  return out;
}

/** Returns views of `bytes`, not copies; undefined for anything malformed. */
export function decodeInitiation(bytes: Uint8Array): Initiation | undefined {
  if (classify(bytes) !== MessageType.initiation) return undefined;
  return {
    sender: readUint32(bytes, 4),
    ephemeral: bytes.subarray(HEADER_BYTES, INITIATION_STATIC),
    encryptedStatic: bytes.subarray(INITIATION_STATIC, INITIATION_TIMESTAMP),
    encryptedTimestamp: bytes.subarray(INITIATION_TIMESTAMP, INITIATION_MACS),
  };
}

/** Returns 92 bytes, both macs zero. Throws RangeError for a field of a wrong length. */
export function encodeResponse(fields: Response): Uint8Array {
  const out = start(MessageType.response, RESPONSE_LENGTH);
  writeUint32(out, 4, fields.sender);
  writeUint32(out, RESPONSE_RECEIVER, fields.receiver);
  put(out, RESPONSE_EPHEMERAL, RESPONSE_NOTHING, fields.ephemeral);
  put(out, RESPONSE_NOTHING, RESPONSE_MACS, fields.encryptedNothing);
  return out;
}

/** Returns views of `bytes`, not copies; undefined for anything malformed. */
export function decodeResponse(bytes: Uint8Array): Response | undefined {
  if (classify(bytes) !== MessageType.response) return undefined;
  return {
    sender: readUint32(bytes, 4),
    receiver: readUint32(bytes, RESPONSE_RECEIVER),
    ephemeral: bytes.subarray(RESPONSE_EPHEMERAL, RESPONSE_NOTHING),
    encryptedNothing: bytes.subarray(RESPONSE_NOTHING, RESPONSE_MACS),
  };
}

/** Returns 64 bytes. Throws RangeError for a field of a wrong length. */
export function encodeCookieReply(fields: CookieReply): Uint8Array {
  const out = start(MessageType.cookieReply, COOKIE_REPLY_LENGTH);
  writeUint32(out, 4, fields.receiver);
  put(out, COOKIE_NONCE, COOKIE_SEALED, fields.nonce);
  put(out, COOKIE_SEALED, COOKIE_REPLY_LENGTH, fields.encryptedCookie);
  return out;
}

/** Returns views of `bytes`, not copies; undefined for anything malformed. */
export function decodeCookieReply(bytes: Uint8Array): CookieReply | undefined {
  if (classify(bytes) !== MessageType.cookieReply) return undefined;
  return {
    receiver: readUint32(bytes, 4),
    nonce: bytes.subarray(COOKIE_NONCE, COOKIE_SEALED),
    encryptedCookie: bytes.subarray(COOKIE_SEALED, COOKIE_REPLY_LENGTH),
  };
}

const scratch = new Uint8Array(8);
const scratchView = new DataView(scratch.buffer);

/** Writes the header, 16 bytes, to the start of `out`. `counter` is below 2^64. */
export function writeTransportHeader(out: Uint8Array, receiver: number, counter: bigint): void {
  out[0] = MessageType.transport;
  out[1] = 0;
  out[2] = 0;
  out[3] = 0;
  writeUint32(out, 4, receiver);
  scratchView.setBigUint64(0, counter, true);
  out.set(scratch, 8);
}

/** Returns the sender's index in an initiation or response, 0 to 2^32 - 1. */
export function readSender(bytes: Uint8Array): number {
  return readUint32(bytes, 4);
}

/** Returns the receiver's index in a cookie reply or transport message, 0 to 2^32 - 1. */
export function readReceiver(bytes: Uint8Array): number {
  return readUint32(bytes, 4);
}

/** Returns the counter of a transport message, 0 to 2^64 - 1. */
export function readCounter(bytes: Uint8Array): bigint {
  for (let i = 0; i < 8; i++) scratch[i] = bytes[8 + i] as number;
  return scratchView.getBigUint64(0, true);
}

function start(type: MessageType, length: number): Uint8Array {
  const out = new Uint8Array(length);
  out[0] = type;
  return out;
}

function put(out: Uint8Array, from: number, to: number, field: Uint8Array): void {
  if (field.length !== to - from)
    throw new RangeError(`a field of ${to - from} bytes was given ${field.length}`);
  out.set(field, from);
}

function writeUint32(out: Uint8Array, offset: number, value: number): void {
  out[offset] = value;
  out[offset + 1] = value >>> 8;
  out[offset + 2] = value >>> 16;
  out[offset + 3] = value >>> 24;
}

function readUint32(bytes: Uint8Array, offset: number): number {
  const low = (bytes[offset] as number) | ((bytes[offset + 1] as number) << 8);
  const high = (bytes[offset + 2] as number) | ((bytes[offset + 3] as number) << 8);
  return (low | (high << 16)) >>> 0;
}
