/** The constants of wintun.h, version 0.14; those of pools are used by version 0.13 and older only. */

/** Longest name of a pool, with its closing zero. */
export const WINTUN_MAX_POOL = 256;
/** 128 KiB. */
export const WINTUN_MIN_RING_CAPACITY = 0x20000;
/** 64 MiB. */
export const WINTUN_MAX_RING_CAPACITY = 0x4000000;
export const WINTUN_MAX_IP_PACKET_SIZE = 0xffff;
/** Longest name of an adapter or a tunnel type, with its closing zero. */
export const MAX_ADAPTER_NAME = 128;

export const WintunLoggerLevel = {
  WINTUN_LOG_INFO: 0,
  WINTUN_LOG_WARN: 1,
  WINTUN_LOG_ERR: 2,
} as const;
