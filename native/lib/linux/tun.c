/* Operations on a TUN queue other than reading and writing packets of peers. */
#include <errno.h>
#include <unistd.h>

#include "device.h"
#include "segment.h"

int tun_open(struct worker *worker, const struct wg_ts_options *options) {
  worker->tun.fd = options->tun[worker->number];
  return 0;
}

bool tun_takes_joined(const struct wg_ts_options *options) { return options->vnet_header != 0; }

void tun_answer(struct worker *worker, const uint8_t *packet, size_t length) {
  static const uint8_t none[VNET_HEADER_SIZE];
  const struct iovec parts[] = {{(void *)none, VNET_HEADER_SIZE}, {(void *)packet, length}};
  const int skipped = worker->device->vnet_header ? 0 : 1;
  ssize_t written = writev(worker->tun.fd, parts + skipped, 2 - skipped);
  (void)written;
}

int tun_replace_session(struct wg_ts_device *device, uint64_t session) {
  (void)device, (void)session;
  return ENOTSUP;
}
