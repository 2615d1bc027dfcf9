/*
 * A cable between two namespaces, each end a TUN device.
 *
 *   offloadlink offloads NAMESPACE NAMESPACE DEVICE
 *       What the system hands over large is cut by segment.h, and what was cut is joined again by
 *       coalesce.h, for the other system to judge.
 *   offloadlink none NAMESPACE NAMESPACE DEVICE
 *       The system has to cut and to sum everything itself, and to verify what it gets.
 *
 * Prints "ready", and at SIGTERM what passed each way as JSON.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "coalesce.h"
#include "segment.h"

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#define BATCH 64
#define READ_BYTES 65536
#define ARENA_BYTES ((size_t)BATCH * 2 * READ_BYTES)

struct kinds {
  uint64_t tcp;
  uint64_t udp;
};

struct way {
  int from;
  int to;
  /* Packets of several segments that were read, and that were written. */
  struct kinds cut;
  struct kinds joined;
  uint64_t most_joined;
  /* What should not happen: packets whose headers were not understood, or that were not taken. */
  uint64_t not_cut;
  uint64_t not_written;
};

static volatile sig_atomic_t is_over;
static bool has_offloads;
static uint8_t arena[ARENA_BYTES];
static size_t arena_used;

static void end(int signal) {
  (void)signal;
  is_over = 1;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static int open_tun(const char *namespace, const char *name) {
  const unsigned tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
  char path[256];
  snprintf(path, sizeof path, "/run/netns/%s", namespace);
  snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
  int place = open(path, O_RDONLY | O_CLOEXEC);
  if (place < 0 || setns(place, CLONE_NEWNET) != 0) fail(path);
  close(place);
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  if (fd < 0 || ioctl(fd, TUNSETIFF, &request) != 0) fail("TUNSETIFF");
  if (!has_offloads) return fd;
  /* Before Linux 6.2 there is no segmentation of UDP. */
  if (ioctl(fd, TUNSETOFFLOAD, tcp | TUN_F_USO4 | TUN_F_USO6) != 0 &&
      ioctl(fd, TUNSETOFFLOAD, tcp) != 0)
    fail("TUNSETOFFLOAD");
  return fd;
}

static uint64_t *counter(struct kinds *kinds, uint8_t gso_type) {
  return gso_type == VNET_GSO_UDP_L4 ? &kinds->udp : &kinds->tcp;
}

static void write_packet(void *context, const struct iovec *parts, int part_count, size_t length,
                         uint32_t count) {
  struct way *way = context;
  struct vnet_header vnet;
  memcpy(&vnet, parts[0].iov_base, sizeof vnet);
  const bool is_written =
      writev(way->to, parts, part_count) == (ssize_t)(length + VNET_HEADER_SIZE);
  /* The other interface may be down at first (EIO); then nothing is joined yet. */
  if (!is_written && (count > 1 || errno != EIO)) way->not_written++;
  if (count == 1 || !is_written) return;
  ++*counter(&way->joined, vnet.gso_type);
  if (count > way->most_joined) way->most_joined = count;
}

static void pass(struct way *way, struct coalescer *coalescer, uint8_t *bytes, size_t length) {
  struct vnet_header vnet;
  struct segments segments;
  uint8_t *segment;
  memcpy(&vnet, bytes, sizeof vnet);
  if (!segments_begin(&segments, &vnet, bytes + VNET_HEADER_SIZE, length - VNET_HEADER_SIZE)) {
    way->not_cut++;
    return;
  }
  if (segments.count > 1) ++*counter(&way->cut, vnet.gso_type);
  for (size_t size; (size = segments_next(&segments, &segment)) > 0;) {
    if (arena_used + size > ARENA_BYTES) {
      coalescer_flush(coalescer);
      arena_used = 0;
    }
    memcpy(arena + arena_used, segment, size);
    coalescer_add(coalescer, arena + arena_used, size);
    arena_used += size;
  }
}

static void serve(struct way *way) {
  static uint8_t bytes[VNET_HEADER_SIZE + READ_BYTES];
  static struct coalescer coalescer;
  arena_used = 0;
  coalescer_init(&coalescer, has_offloads, has_offloads, write_packet, way);
  for (int i = 0; i < BATCH; i++) {
    ssize_t length = read(way->from, bytes, sizeof bytes);
    if (length <= VNET_HEADER_SIZE) break;
    pass(way, &coalescer, bytes, (size_t)length);
  }
  coalescer_flush(&coalescer);
}

static void print_way(const char *name, const struct way *way, const char *behind) {
  printf("\"%s\":{\"cutTcp\":%" PRIu64 ",\"cutUdp\":%" PRIu64 ",\"joinedTcp\":%" PRIu64
         ",\"joinedUdp\":%" PRIu64 ",\"mostJoined\":%" PRIu64 ",\"notCut\":%" PRIu64
         ",\"notWritten\":%" PRIu64 "}%s",
         name, way->cut.tcp, way->cut.udp, way->joined.tcp, way->joined.udp, way->most_joined,
         way->not_cut, way->not_written, behind);
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  has_offloads = strcmp(argv[1], "offloads") == 0;
  signal(SIGTERM, end);
  const int a = open_tun(argv[2], argv[4]), b = open_tun(argv[3], argv[4]);
  struct way there = {.from = a, .to = b}, back = {.from = b, .to = a};
  struct pollfd fds[] = {{.fd = a, .events = POLLIN}, {.fd = b, .events = POLLIN}};
  printf("ready\n");
  fflush(stdout);
  while (!is_over) {
    if (poll(fds, 2, 500) <= 0) continue;
    if (fds[0].revents & POLLIN) serve(&there);
    if (fds[1].revents & POLLIN) serve(&back);
  }
  printf("{");
  print_way("there", &there, ",");
  print_way("back", &back, "}\n");
  return 0;
}
