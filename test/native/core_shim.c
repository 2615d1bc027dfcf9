/* For the tests of replay.h, aead.h, icmp.h and peer.h: calls with plain memory and numbers. */
#include <stdlib.h>

#include "aead.h"
#include "icmp.h"
#include "packet.h"
#include "peer.h"

struct replay *test_replay_new(void) { return calloc(1, sizeof(struct replay)); }
void test_replay_free(struct replay *replay) { free(replay); }

/* Bit 0: it was fresh, bit 1: it was accepted. */
int test_replay(struct replay *replay, uint64_t counter) {
  const int is_fresh = replay_is_fresh(replay, counter);
  return is_fresh | replay_accept(replay, counter) << 1;
}

static bool prepare(struct aead_context *context, struct aead_key *key, const uint8_t *bytes,
                    int allow_direct) {
  memcpy(key->words, bytes, sizeof key->words);
  return aead_context_init(context, aead_select(allow_direct != 0));
}

/* `memory` has AEAD_HEADROOM before the packet and AEAD_SLACK behind; so has `out`. */
int test_seal(const uint8_t *key_bytes, uint64_t counter, uint8_t *memory, size_t length,
              size_t padding, uint8_t *out, int allow_direct) {
  struct aead_context context;
  struct aead_key key;
  if (!prepare(&context, &key, key_bytes, allow_direct)) return 0;
  aead_seal(&context, &key, counter, memory + AEAD_HEADROOM, length, padding, out + AEAD_HEADROOM);
  aead_context_destroy(&context);
  return 1;
}

int test_open(const uint8_t *key_bytes, uint64_t counter, uint8_t *memory, size_t length,
              uint8_t *out, int allow_direct) {
  struct aead_context context;
  struct aead_key key;
  if (!prepare(&context, &key, key_bytes, allow_direct)) return -1;
  const int is_authentic = aead_open(&context, &key, counter, memory + AEAD_HEADROOM, length,
                                     out + AEAD_HEADROOM);
  aead_context_destroy(&context);
  return is_authentic;
}

struct icmp_limiter *test_limiter_new(void) {
  struct icmp_limiter *limiter = malloc(sizeof *limiter);
  if (limiter) icmp_limiter_init(limiter);
  return limiter;
}
void test_limiter_free(struct icmp_limiter *limiter) { free(limiter); }

/* 0 for what gets no answer, and for what is no IP packet. */
size_t test_unreachable(struct icmp_limiter *limiter, uint64_t now, const uint8_t *packet,
                        size_t length, uint8_t *reply) {
  if (packet_family(packet, length) == 0) return 0;
  return icmp_unreachable(limiter, now, packet, length, reply);
}

/* The traffic class of the outer header, and the inner packet after a mark on the way. */
int test_ecn(uint8_t outer, uint8_t *packet) {
  const int encapsulated = ecn_encapsulate(packet);
  ecn_decapsulate(outer, packet);
  return encapsulated;
}

static struct doorbell doorbell;

struct peer *test_peer_new(void) { return peer_new(1, &doorbell); }
void test_peer_free(struct peer *peer) { peer_destroy(&peer->retired); }

static uint32_t index_of(struct keypair *_Atomic *slot) {
  const struct keypair *keypair = atomic_load(slot);
  return keypair ? keypair->local_index : 0;
}

static void drop(const struct dropped_keypairs *dropped, uint32_t *out) {
  for (size_t i = 0; i < 3; i++) out[i] = i < dropped->count ? dropped->keypairs[i]->local_index : 0;
  for (size_t i = 0; i < dropped->count; i++) keypair_destroy(&dropped->keypairs[i]->retired);
}

static void describe(struct peer *peer, uint32_t *out) {
  out[0] = index_of(&peer->previous);
  out[1] = index_of(&peer->current);
  out[2] = index_of(&peer->next);
}

/* `out`: previous, current, next, and up to three that lost their place, by local index. */
void test_peer_install(struct peer *peer, uint32_t index, int is_initiator, uint64_t created_at,
                       uint32_t out[6]) {
  const struct wg_ts_keypair made = {.local_index = index, .is_initiator = is_initiator != 0};
  struct dropped_keypairs dropped;
  struct keypair *keypair = keypair_new(&made, peer, created_at);
  if (!keypair) return;
  peer_install(peer, keypair, &dropped);
  describe(peer, out);
  drop(&dropped, out + 3);
}

/* As when a message under that keypair came. */
int test_peer_confirm(struct peer *peer, uint32_t index, uint32_t out[6]) {
  struct keypair *_Atomic *slots[] = {&peer->previous, &peer->current, &peer->next};
  struct dropped_keypairs dropped = {.count = 0};
  struct keypair *keypair = NULL;
  for (size_t i = 0; i < 3; i++)
    if (index_of(slots[i]) == index) keypair = atomic_load(slots[i]);
  const int is_promoted = keypair && peer_is_confirmed_by(peer, keypair) &&
                          peer_promote(peer, keypair, &dropped);
  describe(peer, out);
  drop(&dropped, out + 3);
  return is_promoted;
}

void test_peer_clear(struct peer *peer, uint32_t out[6]) {
  struct dropped_keypairs dropped;
  peer_clear_keypairs(peer, &dropped);
  describe(peer, out);
  drop(&dropped, out + 3);
}

/* How many counters are given out, and the first of them. */
uint64_t test_take_counters(uint64_t start, uint64_t wanted, uint64_t *first) {
  const struct wg_ts_keypair made = {.local_index = 1, .send_counter = start};
  struct keypair *keypair = keypair_new(&made, NULL, 0);
  const uint64_t taken = keypair_take_counters(keypair, wanted, first);
  keypair_destroy(&keypair->retired);
  return taken;
}
