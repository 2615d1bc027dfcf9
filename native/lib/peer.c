#include "peer.h"

#include <stdlib.h>

/* A round trip: what a new endpoint is followed by has shown the peer our present address. */
#define AVOID_SOURCE_FOR (1ull * 1000 * 1000 * 1000)

struct peer *peer_new(uint32_t id, struct doorbell *doorbell) {
  struct peer *peer = aligned_memory(sizeof *peer);
  if (!peer) return NULL;
  memset(peer, 0, sizeof *peer);
  peer->id = id;
  peer->doorbell = doorbell;
  peer->staged.last = &peer->staged.first;
  mutex_init(&peer->lock);
  return peer;
}

bool peer_destroy(struct retired *retired) {
  struct peer *peer = (struct peer *)retired;
  if (atomic_load_explicit(&peer->touched.is_listed, memory_order_acquire)) return false;
  staged_free(peer->staged.first);
  mutex_destroy(&peer->lock);
  aligned_memory_free(peer);
  return true;
}

static struct keypair *get(struct keypair *_Atomic *slot) {
  return atomic_load_explicit(slot, memory_order_relaxed);
}

static void put(struct keypair *_Atomic *slot, struct keypair *keypair) {
  atomic_store_explicit(slot, keypair, memory_order_release);
}

static void drop(struct dropped_keypairs *dropped, struct keypair *keypair) {
  if (keypair) dropped->keypairs[dropped->count++] = keypair;
}

void peer_install(struct peer *peer, struct keypair *keypair, struct dropped_keypairs *dropped) {
  dropped->count = 0;
  mutex_lock(&peer->lock);
  struct keypair *next = get(&peer->next);
  if (keypair->is_initiator) {
    drop(dropped, get(&peer->previous));
    put(&peer->previous, get(&peer->current));
    put(&peer->current, keypair);
    if (next && keypair_is_expired(next, keypair->created_at)) {
      drop(dropped, next);
      put(&peer->next, NULL);
    }
  } else {
    drop(dropped, next);
    put(&peer->next, keypair);
  }
  mutex_unlock(&peer->lock);
}

static bool is_confirming(struct peer *peer, const struct keypair *keypair) {
  const struct keypair *current = atomic_load_explicit(&peer->current, memory_order_acquire);
  return keypair == atomic_load_explicit(&peer->next, memory_order_relaxed) &&
         !(current && current->created_at > keypair->created_at);
}

bool peer_is_confirmed_by(struct peer *peer, const struct keypair *keypair) {
  return UNLIKELY(is_confirming(peer, keypair));
}

bool peer_promote(struct peer *peer, struct keypair *keypair, struct dropped_keypairs *dropped) {
  dropped->count = 0;
  mutex_lock(&peer->lock);
  bool is_promoted = is_confirming(peer, keypair);
  if (is_promoted) {
    drop(dropped, get(&peer->previous));
    put(&peer->previous, get(&peer->current));
    put(&peer->current, keypair);
    put(&peer->next, NULL);
  }
  mutex_unlock(&peer->lock);
  return is_promoted;
}

void peer_clear_keypairs(struct peer *peer, struct dropped_keypairs *dropped) {
  struct keypair *_Atomic *slots[] = {&peer->previous, &peer->current, &peer->next};
  dropped->count = 0;
  mutex_lock(&peer->lock);
  for (size_t i = 0; i < 3; i++) {
    drop(dropped, get(slots[i]));
    put(slots[i], NULL);
  }
  mutex_unlock(&peer->lock);
}

static void append(struct staged_packets *staged, struct staged_packet *packet) {
  packet->next = NULL;
  *staged->last = packet;
  staged->last = &packet->next;
  staged->count++;
}

/* Takes out the packets beyond the limit, to be freed when the lock is no longer held. */
static struct staged_packet *take_oldest(struct staged_packets *staged) {
  struct staged_packet *dropped = NULL;
  while (staged->count > MAX_STAGED_PACKETS) {
    struct staged_packet *oldest = staged->first;
    staged->first = oldest->next;
    if (!staged->first) staged->last = &staged->first;
    staged->count--;
    oldest->next = dropped;
    dropped = oldest;
  }
  return dropped;
}

void peer_stage(struct peer *peer, const uint8_t *packet, size_t length) {
  struct staged_packet *staged = malloc(sizeof *staged + AEAD_HEADROOM + length + AEAD_SLACK);
  if (!staged) return;
  staged->length = length;
  memcpy(staged_bytes(staged), packet, length);
  memset(staged_bytes(staged) + length, 0, AEAD_SLACK);
  mutex_lock(&peer->lock);
  append(&peer->staged, staged);
  struct staged_packet *dropped = take_oldest(&peer->staged);
  atomic_store_explicit(&peer->has_staged, true, memory_order_release);
  mutex_unlock(&peer->lock);
  staged_free(dropped);
}

struct staged_packet *peer_take_staged(struct peer *peer) {
  if (!atomic_load_explicit(&peer->has_staged, memory_order_acquire)) return NULL;
  mutex_lock(&peer->lock);
  struct staged_packet *packets = peer->staged.first;
  peer->staged = (struct staged_packets){.last = &peer->staged.first};
  atomic_store_explicit(&peer->has_staged, false, memory_order_release);
  mutex_unlock(&peer->lock);
  return packets;
}

void peer_restage(struct peer *peer, struct staged_packet *packets) {
  mutex_lock(&peer->lock);
  struct staged_packet *later = peer->staged.first;
  peer->staged = (struct staged_packets){.last = &peer->staged.first};
  for (int i = 0; i < 2; i++, packets = later)
    for (struct staged_packet *next; packets; packets = next) {
      next = packets->next;
      append(&peer->staged, packets);
    }
  struct staged_packet *dropped = take_oldest(&peer->staged);
  atomic_store_explicit(&peer->has_staged, peer->staged.count > 0, memory_order_release);
  mutex_unlock(&peer->lock);
  staged_free(dropped);
}

void staged_free(struct staged_packet *packets) {
  while (packets) {
    struct staged_packet *next = packets->next;
    secure_zero(packets->bytes, AEAD_HEADROOM + packets->length);
    free(packets);
    packets = next;
  }
}

bool peer_roam(struct peer *peer, const struct wg_ts_endpoint *from, uint64_t now) {
  struct wg_ts_endpoint known, next = *from;
  atomic_store_explicit(&peer->unanswered, 0, memory_order_relaxed);
  endpoint_read(&peer->endpoint, &known);
  if (LIKELY(endpoint_is_equal(&known, from))) return false;
  mutex_lock(&peer->lock);
  endpoint_read(&peer->endpoint, &known);
  if (now < peer->avoided_until && memcmp(from->source, peer->avoided, sizeof peer->avoided) == 0)
    endpoint_forget_source(&next);
  if (!endpoint_is_equal(&known, &next)) endpoint_write(&peer->endpoint, &next);
  mutex_unlock(&peer->lock);
  return !endpoint_is_same_place(&known, &next);
}

void peer_place(struct peer *peer, const struct wg_ts_endpoint *endpoint, uint64_t now) {
  struct wg_ts_endpoint known;
  mutex_lock(&peer->lock);
  endpoint_read(&peer->endpoint, &known);
  if (endpoint_has_source(&known)) {
    memcpy(peer->avoided, known.source, sizeof peer->avoided);
    peer->avoided_until = now + AVOID_SOURCE_FOR;
  }
  endpoint_write(&peer->endpoint, endpoint);
  mutex_unlock(&peer->lock);
}

void peer_forget_source(struct peer *peer) {
  struct wg_ts_endpoint endpoint;
  mutex_lock(&peer->lock);
  if (endpoint_read(&peer->endpoint, &endpoint)) {
    endpoint_forget_source(&endpoint);
    endpoint_write(&peer->endpoint, &endpoint);
  }
  mutex_unlock(&peer->lock);
}
