/** The memory layout of the structs of wg_ts.h; `binding.ts` compares it with the library's at load. */

export const ABI_VERSION = 3;
export const MAX_WORKERS = 16;
/** Bytes of the path of the doorbell, including the terminating zero. */
export const MAX_PATH = 64;

/** Each struct with its size and the offsets of its members, in the order of `wg_ts_layout`. */
export const Layout = {
  endpoint: {
    size: 48,
    family: 0,
    port: 2,
    scope: 4,
    address: 8,
    source: 24,
    interfaceIndex: 40,
  },
  options: {
    size: 296,
    workers: 0,
    mtu: 4,
    without: 8,
    vnetHeader: 12,
    spinMicroseconds: 16,
    threadsPerWorker: 20,
    tun: 24,
    udp4: 88,
    udp6: 152,
    wintunModule: 216,
    wintunSession: 224,
    doorbell: 232,
  },
  event: { size: 216, type: 0, peer: 4, value: 8, length: 12, endpoint: 16, message: 64 },
  prefix: { size: 20, address: 0, family: 16, length: 17, remove: 18 },
  keypair: {
    size: 96,
    sendKey: 0,
    receiveKey: 32,
    localIndex: 64,
    remoteIndex: 68,
    isInitiator: 72,
    sendCounter: 80,
    age: 88,
  },
  statistics: { size: 128 },
} as const;

/** The numbers that `wg_ts_layout` must write. */
export const EXPECTED_LAYOUT: readonly number[] = Object.values(Layout).flatMap((struct) =>
  Object.values(struct),
);

export const EventType = {
  handshake: 1,
  needsHandshake: 2,
  keyConfirmed: 3,
  roamed: 4,
  traffic: 5,
  tunFailed: 6,
  tunCorrupt: 7,
} as const;

export const Traffic = {
  dataSent: 1,
  dataReceived: 2,
  keepaliveSent: 4,
  keepaliveReceived: 8,
  receivedLast: 16,
} as const;

/** The members of struct wg_ts_statistics, in its order; each has 8 bytes. */
export const STATISTICS = [
  'tunReads',
  'tunPackets',
  'tunWrites',
  'tunWriteErrors',
  'udpDatagramsSent',
  'udpSends',
  'udpSendErrors',
  'udpDatagramsReceived',
  'udpReceives',
  'droppedUnauthentic',
  'droppedReplayed',
  'droppedNotAllowed',
  'droppedEvents',
  'sleeps',
  'lastSendError',
  'allowedIpsMemory',
] as const;

export type Statistics = Readonly<Record<(typeof STATISTICS)[number], number>>;
