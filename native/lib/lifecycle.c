/* Opens, starts and closes a device. */
#include <errno.h>

#include "device.h"
#include "tasks.h"
#include "threads.h"

#define RETIREMENTS_AT_ONCE 64

/* A call can change any number of routes, whose retired memory must not pile up until its end. */
static void retire_memory(void *context, void *memory) {
  struct wg_ts_device *device = context;
  epoch_retire_memory(&device->epoch, memory);
  if (++device->retirements % RETIREMENTS_AT_ONCE == 0) epoch_reclaim(&device->epoch);
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
                               ? tasks_add(device, worker, true, true)
                               : tasks_add(device, worker, true, false) &&
                                     tasks_add(device, worker, false, true);
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
  /* Retired peers that are listed as touched cannot be freed before this. */
  if (device->doorbell.is_open)
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
