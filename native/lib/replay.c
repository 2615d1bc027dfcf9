#include "replay.h"

#define WORDS (REPLAY_BITS / 64)

static inline uint64_t get(const _Atomic uint64_t *word) {
  return atomic_load_explicit(word, memory_order_relaxed);
}

static inline void set(_Atomic uint64_t *word, uint64_t value) {
  atomic_store_explicit(word, value, memory_order_relaxed);
}

bool replay_is_fresh(const struct replay *replay, uint64_t counter) {
  if (counter >= REJECT_AFTER_MESSAGES) return false;
  const uint64_t greatest = get(&replay->greatest);
  if (counter > greatest) return true;
  if (greatest - counter > REPLAY_WINDOW) return false;
  return (get(&replay->bitmap[counter / 64 % WORDS]) >> (counter % 64) & 1) == 0;
}

bool replay_accept(struct replay *replay, uint64_t counter) {
  if (!replay_is_fresh(replay, counter)) return false;
  const uint64_t greatest = get(&replay->greatest);
  if (counter > greatest) {
    uint64_t passed = counter / 64 - greatest / 64;
    if (passed > WORDS) passed = WORDS;
    for (uint64_t i = 1; i <= passed; i++) set(&replay->bitmap[(greatest / 64 + i) % WORDS], 0);
    set(&replay->greatest, counter);
  }
  _Atomic uint64_t *word = &replay->bitmap[counter / 64 % WORDS];
  set(word, get(word) | (uint64_t)1 << (counter % 64));
  return true;
}
