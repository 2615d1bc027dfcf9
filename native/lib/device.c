#include "device.h"

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
