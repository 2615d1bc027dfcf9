/* The parts of a device, and of each of its threads. */
#ifndef WG_TS_DEVICE_H
#define WG_TS_DEVICE_H

#include <stdatomic.h>

#include "../wg_ts.h"
#include "allowedips.h"
#include "coalesce.h"
#include "common.h"
#include "epoch.h"
#include "events.h"
#include "icmp.h"
#include "keypair.h"
#include "peer.h"
#include "system.h"
#include "udp.h"

#define PEER_BUCKETS 1024

/* Counters that are written in one thread and read in another. */
struct counters {
  _Atomic uint64_t tun_reads;
  _Atomic uint64_t tun_packets;
  _Atomic uint64_t tun_writes;
  _Atomic uint64_t tun_write_errors;
  _Atomic uint64_t udp_datagrams_received;
  _Atomic uint64_t udp_receives;
  _Atomic uint64_t dropped_unauthentic;
  _Atomic uint64_t dropped_replayed;
  _Atomic uint64_t dropped_not_allowed;
  _Atomic uint64_t dropped_events;
  _Atomic uint64_t sleeps;
};

/* Each counter has one writer. */
static inline void count(_Atomic uint64_t *counter, uint64_t n) {
  atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                        memory_order_relaxed);
}

struct inbound;
struct outbound;

/* One TUN queue, one socket of each family, and the thread or two that serve them. */
struct worker {
  struct wg_ts_device *device;
  uint32_t number;
  struct tun tun;
  struct udp_sockets udp;
};

struct task {
  struct worker *worker;
  struct epoch_reader *reader;
  struct outbound *outbound;
  /* NULL if another thread serves that direction. */
  struct inbound *inbound;
  struct thread thread;
  struct counters counters;
  struct handshake_ring handshakes;
  struct aead_context aead;
};

struct wg_ts_device {
  struct doorbell doorbell;
  struct epoch epoch;
  struct index_table indices;
  struct allowedips *routes;
  uint64_t retirements;
  struct peer *peers[PEER_BUCKETS];
  struct icmp_limiter icmp;
  const struct aead_implementation *aead;
  _Atomic uint32_t mtu;
  bool vnet_header;
  /* WG_TS_WITHOUT_* of the options. */
  uint32_t without;
  _Atomic bool joins_tcp;
  _Atomic bool joins_udp;
  uint32_t spin_us;
  _Atomic bool is_stopping;
  struct interrupt interrupt;
  uint32_t worker_count;
  struct worker workers[WG_TS_MAX_WORKERS];
  uint32_t task_count;
  struct task *tasks[2 * WG_TS_MAX_WORKERS];
  /* Used by the API calls themselves to send. */
  struct task *caller;
};

/* Returns nanoseconds since boot, including time asleep: the clock of REJECT_AFTER_TIME. */
uint64_t device_now(void);

/* Takes keypairs out of the index, to be zeroed when no thread uses them any more. */
void device_retire_keypairs(struct wg_ts_device *device, const struct dropped_keypairs *dropped);

/* Reports that the TUN device is gone. */
void device_tun_failed(struct wg_ts_device *device, int error);
/* Reports that the ring of the TUN device is corrupt and must be replaced. */
void device_tun_corrupt(struct wg_ts_device *device);

static inline bool device_has_tun(const struct wg_ts_device *device) {
  return !atomic_load_explicit(&device->doorbell.tun_error, memory_order_relaxed);
}

/* The rest depends on the system: see lib/linux, lib/windows. */

/* Returns 0 or errno. */
int tun_open(struct worker *worker, const struct wg_ts_options *options);
/* Returns whether the TUN device takes packets that the coalescer has joined. */
bool tun_takes_joined(const struct wg_ts_options *options);
/* Writes a packet of our own, while a packet of the queue is processed; it may be lost. */
void tun_answer(struct worker *worker, const uint8_t *packet, size_t length);
/* Returns 0 or errno, ENOTSUP where a TUN device has no sessions. */
int tun_replace_session(struct wg_ts_device *device, uint64_t session);

#endif
