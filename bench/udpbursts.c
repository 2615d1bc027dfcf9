/*
 * UDP as QUIC sends it: bursts that the kernel cuts into datagrams (UDP_SEGMENT), joined again on
 * arrival (UDP_GRO), and never more in flight than a window. Unlike a flood it leaves the processor to
 * the tunnel: the rate that arrives is the rate that the tunnel can carry.
 *
 *   udpbursts receive ADDRESS PORT             prints bytes, and seconds from the first to the last
 *   udpbursts send ADDRESS PORT SIZE SECONDS   datagrams of SIZE bytes
 *
 * Each datagram begins with its position in the stream. The receiver reports the furthest end that it
 * saw; datagrams lost before that are not sent again.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define SEGMENTS 40
#define WINDOW (1 << 20)
#define TELL_AFTER (16 << 10)
#define RECEIVE_BUFFER (8 << 20)
/* Milliseconds. */
#define LOST_AFTER 20
#define BEGIN_LIMIT 10000
#define SILENCE_LIMIT 500

static uint8_t buffer[1 << 16];

static void fail(const char *what) {
  fprintf(stderr, "udpbursts: %s: %s\n", what, strerror(errno));
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int open_socket(int option, int value) {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0) fail("socket");
  if (setsockopt(fd, IPPROTO_UDP, option, &value, sizeof value)) fail("UDP option");
  return fd;
}

static int wait_readable(int fd, int milliseconds) {
  struct pollfd waiting = {.fd = fd, .events = POLLIN};
  return poll(&waiting, 1, milliseconds) > 0;
}

static void tell(int fd, const struct sockaddr_in *to, uint64_t end) {
  sendto(fd, &end, sizeof end, 0, (const struct sockaddr *)to, sizeof *to);
}

static void receive(const struct sockaddr_in *address) {
  const int fd = open_socket(UDP_GRO, 1);
  const int size = RECEIVE_BUFFER;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  if (bind(fd, (const struct sockaddr *)address, sizeof *address)) fail("bind");
  struct sockaddr_in from = *address;
  uint64_t bytes = 0, end = 0, told = 0;
  double first = 0, last = 0;
  for (;;) {
    socklen_t length = sizeof from;
    const ssize_t n =
        recvfrom(fd, buffer, sizeof buffer, MSG_DONTWAIT, (struct sockaddr *)&from, &length);
    if (n < 0) {
      if (end > told) tell(fd, &from, told = end);
      if (!wait_readable(fd, bytes ? SILENCE_LIMIT : BEGIN_LIMIT)) break;
      continue;
    }
    uint64_t place;
    memcpy(&place, buffer, sizeof place);
    last = now();
    if (bytes == 0) first = last;
    bytes += (uint64_t)n;
    if (place + (uint64_t)n > end) end = place + (uint64_t)n;
    if (end - told >= TELL_AFTER) tell(fd, &from, told = end);
  }
  printf("%llu %.6f\n", (unsigned long long)bytes, last - first);
}

/* Reads the reports of the receiver. Returns whether there was one within `milliseconds`. */
static int take_told(int fd, uint64_t *told, int milliseconds) {
  uint64_t end;
  if (milliseconds && !wait_readable(fd, milliseconds)) return 0;
  while (recv(fd, &end, sizeof end, MSG_DONTWAIT) == sizeof end)
    if (end > *told) *told = end;
  return 1;
}

static void send_bursts(const struct sockaddr_in *address, int size, double seconds) {
  const int fd = open_socket(UDP_SEGMENT, size);
  if (connect(fd, (const struct sockaddr *)address, sizeof *address)) fail("connect");
  const size_t burst = (size_t)size * SEGMENTS;
  const double until = now() + seconds;
  uint64_t sent = 0, told = 0;
  while (now() < until) {
    take_told(fd, &told, 0);
    if (sent + burst > told + WINDOW) {
      if (!take_told(fd, &told, LOST_AFTER)) told = sent;
      continue;
    }
    for (size_t at = 0; at < burst; at += (size_t)size) {
      const uint64_t place = sent + at;
      memcpy(buffer + at, &place, sizeof place);
    }
    if (send(fd, buffer, burst, 0) < 0 && errno != ENOBUFS && errno != ECONNREFUSED) fail("send");
    sent += burst;
  }
}

int main(int argc, char **argv) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  const char *verb = argc > 3 ? argv[1] : "";
  if (argc > 3 && inet_pton(AF_INET, argv[2], &address.sin_addr) == 1)
    address.sin_port = htons((uint16_t)atoi(argv[3]));
  const int size = argc == 6 ? atoi(argv[4]) : 0;
  if (argc == 4 && !strcmp(verb, "receive"))
    receive(&address);
  else if (size >= 8 && (size_t)size * SEGMENTS <= sizeof buffer - 64 && !strcmp(verb, "send"))
    send_bursts(&address, size, atof(argv[5]));
  else
    return fprintf(stderr, "usage: udpbursts receive|send ADDRESS PORT [SIZE SECONDS]\n"), 2;
  return 0;
}
