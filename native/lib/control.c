/* The API calls of the control plane for peers, keys and messages. */
#include <errno.h>

#include "device.h"
#include "outbound.h"
#include "tasks.h"

static struct peer *find(struct wg_ts_device *device, uint32_t id) {
  struct peer *peer = device->peers[id % PEER_BUCKETS];
  while (peer && peer->id != id) peer = peer->next_in_bucket;
  return peer;
}

/* Ends each call that sent or retired something. */
static void finish(struct wg_ts_device *device) {
  if (device->caller) {
    outbound_flush(device->caller->outbound);
    aead_context_forget(&device->caller->aead);
  }
  epoch_reclaim_if_any(&device->epoch);
}

int32_t wg_ts_set_peer(struct wg_ts_device *device, uint32_t id,
                       const struct wg_ts_endpoint *endpoint) {
  struct peer *peer = find(device, id);
  if (!peer) {
    peer = peer_new(id, &device->doorbell);
    if (!peer) return ENOMEM;
    peer->next_in_bucket = device->peers[id % PEER_BUCKETS];
    device->peers[id % PEER_BUCKETS] = peer;
  }
  if (endpoint) peer_place(peer, endpoint, device_now());
  return 0;
}

static bool change_prefix(struct wg_ts_device *device, struct peer *peer,
                          const struct wg_ts_prefix *prefix) {
  if (!prefix->remove)
    return allowedips_insert(device->routes, prefix->family, prefix->address, prefix->length, peer);
  allowedips_remove(device->routes, prefix->family, prefix->address, prefix->length, peer);
  return true;
}

int32_t wg_ts_set_allowed_ips(struct wg_ts_device *device, uint32_t id, uint32_t replace,
                              const struct wg_ts_prefix *prefixes, uint32_t prefix_count) {
  struct peer *peer = find(device, id);
  if (!peer) return ENOENT;
  for (uint32_t i = 0; i < prefix_count; i++) {
    const uint8_t family = prefixes[i].family;
    if ((family != 4 && family != 6) || prefixes[i].length > (family == 4 ? 32 : 128)) return EINVAL;
  }
  int error = 0;
  if (replace) allowedips_remove_owner(device->routes, peer);
  for (uint32_t i = 0; i < prefix_count && !error; i++)
    if (!change_prefix(device, peer, &prefixes[i])) error = ENOMEM;
  finish(device);
  return error;
}

static void drop_keypairs(struct wg_ts_device *device, struct peer *peer) {
  struct dropped_keypairs dropped;
  peer_clear_keypairs(peer, &dropped);
  device_retire_keypairs(device, &dropped);
}

void wg_ts_remove_peer(struct wg_ts_device *device, uint32_t id) {
  struct peer **link = &device->peers[id % PEER_BUCKETS];
  while (*link && (*link)->id != id) link = &(*link)->next_in_bucket;
  struct peer *peer = *link;
  if (!peer) return;
  *link = peer->next_in_bucket;
  atomic_store(&peer->is_removed, true);
  allowedips_remove_owner(device->routes, peer);
  drop_keypairs(device, peer);
  epoch_retire(&device->epoch, &peer->retired, peer_destroy);
  finish(device);
}

void wg_ts_authenticated(struct wg_ts_device *device, uint32_t id,
                         const struct wg_ts_endpoint *from, uint32_t bytes) {
  struct peer *peer = find(device, id);
  if (!peer) return;
  peer_roam(peer, from, device_now());
  atomic_fetch_add_explicit(&peer->rx_bytes, bytes, memory_order_relaxed);
}

int32_t wg_ts_install_keypair(struct wg_ts_device *device, uint32_t id,
                              const struct wg_ts_keypair *made) {
  struct dropped_keypairs dropped;
  struct peer *peer = find(device, id);
  if (!peer) return ENOENT;
  struct keypair *keypair = keypair_new(made, peer, device_now());
  if (!keypair) return ENOMEM;
  index_table_insert(&device->indices, keypair);
  peer_install(peer, keypair, &dropped);
  device_retire_keypairs(device, &dropped);
  finish(device);
  return 0;
}

void wg_ts_drop_keypairs(struct wg_ts_device *device, uint32_t id) {
  struct peer *peer = find(device, id);
  if (peer) drop_keypairs(device, peer);
  finish(device);
}

void wg_ts_drop_staged(struct wg_ts_device *device, uint32_t id) {
  struct peer *peer = find(device, id);
  if (peer) staged_free(peer_take_staged(peer));
}

/* The only message that is sent again when nothing answers. */
static bool is_initiation(const uint8_t *message) { return message[0] == 1; }

void wg_ts_send_handshake(struct wg_ts_device *device, uint32_t id, const uint8_t *message,
                          uint32_t length) {
  struct wg_ts_endpoint to;
  struct peer *peer = find(device, id);
  if (!peer || length == 0 || length > WG_TS_MAX_MESSAGE) return;
  /* The last initiation was not answered, perhaps because of the source address that was used. */
  if (is_initiation(message) &&
      atomic_fetch_add_explicit(&peer->unanswered, 1, memory_order_relaxed) > 0)
    peer_forget_source(peer);
  if (!endpoint_read(&peer->endpoint, &to)) return;
  outbound_send_message(device->caller->outbound, &to, peer, message, length);
  finish(device);
}

void wg_ts_send_cookie_reply(struct wg_ts_device *device, const struct wg_ts_endpoint *to,
                             const uint8_t *message, uint32_t length) {
  if (length == 0 || length > WG_TS_MAX_MESSAGE) return;
  outbound_send_message(device->caller->outbound, to, NULL, message, length);
  finish(device);
}

void wg_ts_send_keepalive(struct wg_ts_device *device, uint32_t id) {
  struct peer *peer = find(device, id);
  if (!peer) return;
  /* The threads may replace a key meanwhile, which must not be freed before this is done. */
  epoch_enter(&device->epoch, device->caller->reader);
  outbound_send_keepalive(device->caller->outbound, peer, device_now());
  outbound_flush(device->caller->outbound);
  epoch_leave(device->caller->reader);
  finish(device);
}

int32_t wg_ts_replace_session(struct wg_ts_device *device, uint64_t session) {
  return tun_replace_session(device, session);
}

static void use_sockets(struct wg_ts_device *device, const int32_t *udp4, const int32_t *udp6) {
  for (uint32_t i = 0; i < device->worker_count; i++) {
    device->workers[i].udp.v4 = udp4[i];
    device->workers[i].udp.v6 = udp6[i];
  }
}

static int prepare_sockets(struct wg_ts_device *device) {
  int error = 0;
  for (uint32_t i = 0; i < device->worker_count && !error; i++)
    error = udp_prepare(&device->workers[i].udp, device->without);
  return error;
}

/* This is rare, and packets wait in their queues meanwhile, so the threads are simply stopped. */
int32_t wg_ts_replace_sockets(struct wg_ts_device *device, const int32_t *udp4,
                              const int32_t *udp6) {
  int32_t before4[WG_TS_MAX_WORKERS], before6[WG_TS_MAX_WORKERS];
  const bool is_running = device->tasks[0]->thread.is_running;
  if (is_running) tasks_stop(device);
  for (uint32_t i = 0; i < device->worker_count; i++) {
    before4[i] = device->workers[i].udp.v4;
    before6[i] = device->workers[i].udp.v6;
  }
  use_sockets(device, udp4, udp6);
  const int error = prepare_sockets(device);
  if (error) use_sockets(device, before4, before6);
  const int start_error = is_running ? tasks_start(device) : 0;
  return error ? error : start_error;
}

void wg_ts_block_sending(struct wg_ts_device *device, uint32_t family, uint32_t is_blocked) {
  for (uint32_t i = 0; i < device->worker_count; i++)
    atomic_store_explicit(&device->workers[i].udp.is_blocked[family != 4], is_blocked != 0,
                          memory_order_relaxed);
}

void wg_ts_set_mtu(struct wg_ts_device *device, uint32_t mtu) {
  atomic_store_explicit(&device->mtu, mtu, memory_order_relaxed);
}

void wg_ts_transfer(struct wg_ts_device *device, uint32_t id, uint64_t bytes[2]) {
  const struct peer *peer = find(device, id);
  bytes[0] = peer ? atomic_load_explicit(&peer->rx_bytes, memory_order_relaxed) : 0;
  bytes[1] = peer ? atomic_load_explicit(&peer->tx_bytes, memory_order_relaxed) : 0;
}
