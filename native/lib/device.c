/* A device from its opening to its end. */
#include "device.h"

#include <errno.h>
#include <stdlib.h>

#include "inbound.h"
#include "outbound.h"

#define RETIREMENTS_AT_ONCE 64

void device_retire_keypairs(struct wg_ts_device *device, const struct dropped_keypairs *dropped) {
  for (size_t i = 0; i < dropped->count; i++) {
    struct keypair *keypair = dropped->keypairs[i];
    index_table_remove(&device->indices, keypair);
    epoch_retire(&device->epoch, &keypair->retired, keypair_destroy);
  }
}

void device_tun_failed(struct wg_ts_device *device, int error) {
  int none = 0;
  if (atomic_compare_exchange_strong(&device->doorbell.tun_error, &none, error))
    doorbell_ring(&device->doorbell);
}

void device_tun_corrupt(struct wg_ts_device *device) {
  atomic_store(&device->doorbell.is_tun_corrupt, true);
  doorbell_ring(&device->doorbell);
}

/* A call can change any number of routes: what they leave must not pile up until its end. */
static void retire_memory(void *context, void *memory) {
  struct wg_ts_device *device = context;
  epoch_retire_memory(&device->epoch, memory);
  if (++device->retirements % RETIREMENTS_AT_ONCE == 0) epoch_reclaim(&device->epoch);
}

static void task_free(struct task *task) {
  if (!task) return;
  if (task->inbound) inbound_destroy(task->inbound);
  if (task->outbound) outbound_destroy(task->outbound);
  aead_context_destroy(&task->aead);
  free(task->inbound);
  free(task->outbound);
  aligned_memory_free(task);
}

/* For either direction, or both; `reads_tun` is false for what only answers. */
static struct task *task_new(struct worker *worker, bool has_inbound, bool reads_tun) {
  struct task *task = aligned_memory(sizeof *task);
  if (!task) return NULL;
  memset(task, 0, sizeof *task);
  task->worker = worker;
  task->outbound = malloc(sizeof *task->outbound);
  bool is_complete = aead_context_init(&task->aead, worker->device->aead) && task->outbound &&
                     outbound_init(task->outbound, task, reads_tun);
  if (is_complete && has_inbound) {
    task->inbound = malloc(sizeof *task->inbound);
    is_complete = task->inbound && inbound_init(task->inbound, task, task->outbound);
  }
  if (is_complete) return task;
  task_free(task);
  return NULL;
}

static bool add_task(struct wg_ts_device *device, struct worker *worker, bool has_inbound,
                     bool reads_tun) {
  struct task *task = task_new(worker, has_inbound, reads_tun);
  if (!task) return false;
  task->reader = &device->epoch.readers[device->task_count];
  device->tasks[device->task_count++] = task;
  return true;
}

static int open_worker(struct wg_ts_device *device, const struct wg_ts_options *options,
                       uint32_t number) {
  struct worker *worker = &device->workers[number];
  worker->device = device;
  worker->number = number;
  worker->udp.v4 = options->udp4[number];
  worker->udp.v6 = options->udp6[number];
  int error = tun_open(worker, options);
  if (!error) error = udp_prepare(&worker->udp, options->without);
  if (error) return error;
  const bool is_complete = options->threads_per_worker == 1
                               ? add_task(device, worker, true, true)
                               : add_task(device, worker, true, false) &&
                                     add_task(device, worker, false, true);
  return is_complete ? 0 : ENOMEM;
}

static int open_parts(struct wg_ts_device *device, const struct wg_ts_options *options) {
  int error = interrupt_open(&device->interrupt);
  if (!error) error = doorbell_open(&device->doorbell, (const char *)options->doorbell);
  if (error) return error;
  device->routes = allowedips_new(retire_memory, device);
  if (!device->routes) return ENOMEM;
  for (uint32_t i = 0; i < options->workers; i++)
    if ((error = open_worker(device, options, i)) != 0) return error;
  device->caller = task_new(&device->workers[0], false, false);
  if (!device->caller) return ENOMEM;
  device->caller->reader = &device->epoch.readers[EPOCH_READERS - 1];
  return 0;
}

struct wg_ts_device *wg_ts_open(const struct wg_ts_options *options, int32_t *error) {
  *error = EINVAL;
  if (options->workers < 1 || options->workers > WG_TS_MAX_WORKERS) return NULL;
  if (options->threads_per_worker < 1 || options->threads_per_worker > 2) return NULL;
  const struct aead_implementation *aead =
      aead_select(!(options->without & WG_TS_WITHOUT_DIRECT_CRYPTO));
  *error = ENOSYS;
  if (!aead) return NULL;
  *error = ENOMEM;
  struct wg_ts_device *device = aligned_memory(sizeof *device);
  if (!device) return NULL;
  memset(device, 0, sizeof *device);
  device->aead = aead;
  device->worker_count = options->workers;
  device->spin_us = options->spin_us;
  device->without = options->without;
  device->vnet_header = options->vnet_header != 0;
  const bool joins = tun_takes_joined(options);
  atomic_init(&device->mtu, options->mtu);
  atomic_init(&device->joins_tcp, joins && !(options->without & WG_TS_WITHOUT_TCP_COALESCING));
  atomic_init(&device->joins_udp, joins && !(options->without & WG_TS_WITHOUT_UDP_COALESCING));
  epoch_init(&device->epoch);
  index_table_init(&device->indices);
  icmp_limiter_init(&device->icmp);
  *error = open_parts(device, options);
  if (*error == 0) return device;
  wg_ts_close(device);
  return NULL;
}

int32_t wg_ts_start(struct wg_ts_device *device) { return tasks_start(device); }

static void remove_all_peers(struct wg_ts_device *device) {
  for (size_t i = 0; i < PEER_BUCKETS; i++)
    while (device->peers[i]) wg_ts_remove_peer(device, device->peers[i]->id);
}

void wg_ts_close(struct wg_ts_device *device) {
  struct wg_ts_event events[16];
  tasks_stop(device);
  if (device->routes) remove_all_peers(device);
  /* What is listed as touched waits for it. */
  if (device->doorbell.bell.is_open)
    while (wg_ts_drain(device, events, 16) > 0) continue;
  epoch_destroy(&device->epoch);
  if (device->routes) allowedips_free(device->routes);
  for (uint32_t i = 0; i < device->task_count; i++) task_free(device->tasks[i]);
  task_free(device->caller);
  doorbell_close(&device->doorbell);
  interrupt_close(&device->interrupt);
  index_table_destroy(&device->indices);
  mutex_destroy(&device->icmp.lock);
  aligned_memory_free(device);
}
