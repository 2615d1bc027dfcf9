/*
 * Datagrams that tell whether they arrived whole.
 *
 *   datagrams receive ADDRESS PORT            "ready", then what came as JSON
 *   datagrams send ADDRESS PORT COUNT PAUSE   a pause of PAUSE microseconds after each run
 *
 * They go out in runs of one size, joined by UDP_SEGMENT where the path takes them whole, so that a
 * tunnel gets them in every form that the system has. Each has its number and its length, and bytes that
 * follow from both.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

#define HEADER 8
#define MAX_NUMBER (1u << 20)
#define MAX_BYTES 9000
#define POOL 65536
#define RUN_BYTES 60000
#define MAX_RUN 40
#define LAST UINT32_MAX
#define LAST_REPEATS 20
/* Nothing for so long, and the receiver gives up, in seconds. */
#define FIRST_PATIENCE 30
#define PATIENCE 5
#define SOCKET_BUFFER (4 * 1024 * 1024)

/* With IPv4 1392 and with IPv6 1372 are the most that go whole in 1420; longer ones are cut. */
static const uint32_t sizes[] = {HEADER, 9, 64, 333, 1200, 1372, 1280, 3000, 512, 1000, 9000, 1024};
#define SIZES (sizeof sizes / sizeof *sizes)
#define WHOLE 1372

static uint8_t pool[POOL + MAX_BYTES];

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void fill_pool(void) {
  uint64_t state = 20240229;
  for (size_t i = 0; i < sizeof pool; i++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    pool[i] = (uint8_t)(state >> 56);
  }
}

static const uint8_t *body_of(uint32_t number) { return pool + number * 7919u % POOL; }

static void make(uint8_t *bytes, uint32_t number, uint32_t size) {
  memcpy(bytes, &number, 4);
  memcpy(bytes + 4, &size, 4);
  memcpy(bytes + HEADER, body_of(number), size - HEADER);
}

static bool is_whole(const uint8_t *bytes, size_t length, uint32_t number) {
  uint32_t size;
  memcpy(&size, bytes + 4, 4);
  return size == length && memcmp(bytes + HEADER, body_of(number), length - HEADER) == 0;
}

static int open_socket(const char *address, const char *port, bool binds) {
  struct sockaddr_storage storage = {0};
  struct sockaddr_in *in = (struct sockaddr_in *)&storage;
  struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&storage;
  const uint16_t number = htons((uint16_t)atoi(port));
  if (inet_pton(AF_INET, address, &in->sin_addr) == 1) {
    in->sin_family = AF_INET;
    in->sin_port = number;
  } else {
    inet_pton(AF_INET6, address, &in6->sin6_addr);
    in6->sin6_family = AF_INET6;
    in6->sin6_port = number;
  }
  const int size = SOCKET_BUFFER;
  const int fd = socket(storage.ss_family, SOCK_DGRAM, 0);
  if (fd < 0) fail("socket");
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  const socklen_t length = storage.ss_family == AF_INET ? sizeof *in : sizeof *in6;
  const struct sockaddr *name = (const struct sockaddr *)&storage;
  if (binds ? bind(fd, name, length) : connect(fd, name, length)) fail("bind or connect");
  return fd;
}

/* 0, or errno. */
static int try_send(int fd, const uint8_t *bytes, size_t length) {
  while (send(fd, bytes, length, 0) < 0) {
    if (errno != ENOBUFS && errno != ECONNREFUSED && errno != EINTR) return errno;
    usleep(1000);
  }
  return 0;
}

static void send_bytes(int fd, const uint8_t *bytes, size_t length) {
  errno = try_send(fd, bytes, length);
  if (errno != 0) fail("send");
}

static void set_segment(int fd, int size) {
  if (setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size) != 0) fail("UDP_SEGMENT");
}

/* False when the path does not take datagrams of this size whole. */
static bool send_joined(int fd, const uint8_t *bytes, size_t length, uint32_t size) {
  set_segment(fd, (int)size);
  const int error = try_send(fd, bytes, length);
  set_segment(fd, 0);
  if (error == EMSGSIZE || error == EINVAL) return false;
  errno = error;
  if (error != 0) fail("send");
  return true;
}

/* `count` datagrams of `size` bytes from `number` on; the last is shorter by a byte. */
static void send_run(int fd, uint32_t number, uint32_t count, uint32_t size) {
  static uint8_t run[RUN_BYTES + MAX_BYTES];
  size_t length = 0;
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t own = i + 1 == count && size > HEADER ? size - 1 : size;
    make(run + length, number + i, own);
    length += own;
  }
  if (size <= WHOLE && send_joined(fd, run, length, size)) return;
  for (size_t at = 0; at < length; at += size)
    send_bytes(fd, run + at, length - at < size ? length - at : size);
}

static void send_all(int fd, uint32_t total, useconds_t pause) {
  uint32_t number = 0;
  for (uint32_t run = 0; number < total; run++) {
    const uint32_t size = sizes[run % SIZES];
    uint32_t count = 1 + run * 13 % MAX_RUN;
    /* Of those that are cut few suffice. */
    if (size > WHOLE) count = 2;
    if (count > total - number) count = total - number;
    send_run(fd, number, count, size);
    number += count;
    usleep(pause);
  }
  for (int i = 0; i < LAST_REPEATS; i++) {
    uint8_t last[HEADER];
    usleep(20000);
    make(last, LAST, HEADER);
    send_bytes(fd, last, HEADER);
  }
  printf("{\"sent\":%" PRIu32 "}\n", total);
}

static void wait_at_most(int fd, time_t seconds) {
  const struct timeval time = {.tv_sec = seconds};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
}

static void receive_all(int fd) {
  static uint8_t is_seen[MAX_NUMBER], bytes[65536];
  uint32_t whole = 0, damaged = 0, doubled = 0, late = 0, largest = 0, newest = 0;
  wait_at_most(fd, FIRST_PATIENCE);
  for (;;) {
    const ssize_t length = recv(fd, bytes, sizeof bytes, 0);
    if (length < 0) break;
    wait_at_most(fd, PATIENCE);
    uint32_t number;
    memcpy(&number, bytes, 4);
    if (length >= HEADER && number == LAST) break;
    if (length < HEADER || number >= MAX_NUMBER || !is_whole(bytes, (size_t)length, number))
      damaged++;
    else if (is_seen[number]++)
      doubled++;
    else {
      whole++;
      if (number < newest) late++;
      else newest = number;
    }
    if (length > largest) largest = (uint32_t)length;
  }
  printf("{\"whole\":%" PRIu32 ",\"damaged\":%" PRIu32 ",\"doubled\":%" PRIu32
         ",\"late\":%" PRIu32 ",\"largest\":%" PRIu32 "}\n",
         whole, damaged, doubled, late, largest);
}

int main(int argc, char **argv) {
  fill_pool();
  if (argc == 4 && strcmp(argv[1], "receive") == 0) {
    const int fd = open_socket(argv[2], argv[3], true);
    puts("ready");
    fflush(stdout);
    receive_all(fd);
    return 0;
  }
  if (argc == 6 && strcmp(argv[1], "send") == 0) {
    send_all(open_socket(argv[2], argv[3], false), (uint32_t)strtoul(argv[4], NULL, 10),
             (useconds_t)strtoul(argv[5], NULL, 10));
    return 0;
  }
  fprintf(stderr, "usage: datagrams receive ADDRESS PORT | send ADDRESS PORT COUNT PAUSE\n");
  return 2;
}
