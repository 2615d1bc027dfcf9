/* Included first by every file of the library. */
#ifndef WG_TS_COMMON_H
#define WG_TS_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

static inline uint16_t load_be16(const uint8_t *p) { return (uint16_t)((p[0] << 8) | p[1]); }

static inline void store_be16(uint8_t *p, uint16_t v) {
  p[0] = (uint8_t)(v >> 8);
  p[1] = (uint8_t)v;
}

static inline uint32_t load_be32(const uint8_t *p) {
  return ((uint32_t)p[0] << 24) | ((uint32_t)p[1] << 16) | ((uint32_t)p[2] << 8) | p[3];
}

static inline void store_be32(uint8_t *p, uint32_t v) {
  store_be16(p, (uint16_t)(v >> 16));
  store_be16(p + 2, (uint16_t)v);
}

/* Little-endian machines only: the build refuses others. */
static inline uint32_t load_le32(const uint8_t *p) {
  uint32_t v;
  memcpy(&v, p, sizeof v);
  return v;
}

static inline uint64_t load_le64(const uint8_t *p) {
  uint64_t v;
  memcpy(&v, p, sizeof v);
  return v;
}

static inline void store_le32(uint8_t *p, uint32_t v) { memcpy(p, &v, sizeof v); }
static inline void store_le64(uint8_t *p, uint64_t v) { memcpy(p, &v, sizeof v); }

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "this library is for little-endian machines"
#endif

/* Zeroes memory in a way that the compiler may not leave out. */
static inline void secure_zero(void *memory, size_t length) {
  memset(memory, 0, length);
  __asm__ volatile("" : : "r"(memory) : "memory");
}

#endif
