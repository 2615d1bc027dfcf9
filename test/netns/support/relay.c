/*
 * A bad path between two ends: it passes datagrams on, and loses, doubles and reorders some.
 *
 *   relay ADDRESS PORT TARGET PORT LOSS REORDER DOUBLE SEED
 *
 * What comes to ADDRESS goes to TARGET; what TARGET answers goes to the last sender. Rates are in
 * percent. It says "ready" when it listens; at SIGTERM it tells its counts as JSON and ends.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

#define BATCH 64
#define DATAGRAM_BYTES 9216
#define MAX_HELD 16
/* A datagram is overtaken by so many at most. */
#define MAX_OVERTAKING 8
/* What nothing comes to overtake goes on after so many milliseconds. */
#define HOLD_MS 2
/* As in one burst of a fast sender: joined by UDP_SEGMENT, up to what fits any path of 1500 bytes. */
#define MAX_RUN 40
#define MAX_JOINED_BYTES 1452
#define MAX_OUTGOING (BATCH * 2 + MAX_HELD)
#define SOCKET_BUFFER (4 * 1024 * 1024)

struct datagram {
  size_t length;
  uint8_t bytes[DATAGRAM_BYTES];
};

struct held {
  struct datagram datagram;
  /* How many shall still pass; 0 when the place is free. */
  unsigned to_pass;
  unsigned passed;
};

struct counts {
  uint64_t received, lost, reordered, doubled, unsent;
};

struct way {
  int from, to;
  struct sockaddr_storage target;
  socklen_t target_length;
  struct held held[MAX_HELD];
  unsigned held_count;
  struct counts counts;
};

static struct datagram received[BATCH];
static const struct datagram *outgoing[MAX_OUTGOING];
static size_t outgoing_count;
/* Of each of a million. */
static uint32_t loss_rate, reorder_rate, double_rate;
static uint64_t random_state;
static volatile sig_atomic_t has_to_end;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

/* splitmix64: small, and the same everywhere for a seed. */
static uint64_t next_random(void) {
  uint64_t z = random_state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static bool happens(uint32_t rate) { return next_random() % 1000000 < rate; }

/* How many from `first` on can go as one: of one length, of which the last may be shorter. */
static size_t run_length(size_t first) {
  const size_t size = outgoing[first]->length;
  size_t i = first + 1;
  if (size > MAX_JOINED_BYTES) return 1;
  while (i < outgoing_count && i - first < MAX_RUN && outgoing[i]->length <= size)
    if (outgoing[i++]->length < size) break;
  return i - first;
}

static void join(struct msghdr *header, void *control, uint16_t size) {
  header->msg_control = control;
  header->msg_controllen = CMSG_SPACE(sizeof size);
  struct cmsghdr *segment = CMSG_FIRSTHDR(header);
  segment->cmsg_level = IPPROTO_UDP;
  segment->cmsg_type = UDP_SEGMENT;
  segment->cmsg_len = CMSG_LEN(sizeof size);
  memcpy(CMSG_DATA(segment), &size, sizeof size);
}

static size_t encode_outgoing(struct way *way, struct mmsghdr *headers) {
  static struct iovec vectors[MAX_OUTGOING];
  static _Alignas(struct cmsghdr) uint8_t controls[MAX_OUTGOING][CMSG_SPACE(sizeof(uint16_t))];
  size_t count = 0;
  for (size_t i = 0; i < outgoing_count; count++) {
    const size_t length = run_length(i);
    headers[count].msg_hdr = (struct msghdr){
        .msg_name = &way->target,
        .msg_namelen = way->target_length,
        .msg_iov = &vectors[i],
        .msg_iovlen = length,
    };
    if (length > 1) join(&headers[count].msg_hdr, controls[count], (uint16_t)outgoing[i]->length);
    for (const size_t end = i + length; i < end; i++)
      vectors[i] = (struct iovec){(void *)outgoing[i]->bytes, outgoing[i]->length};
  }
  return count;
}

static void flush(struct way *way) {
  static struct mmsghdr headers[MAX_OUTGOING];
  const size_t count = way->target_length > 0 ? encode_outgoing(way, headers) : 0;
  outgoing_count = 0;
  for (size_t done = 0; done < count;) {
    const int sent = sendmmsg(way->to, headers + done, (unsigned)(count - done), 0);
    if (sent > 0) {
      done += (size_t)sent;
    } else if (errno != EINTR) {
      way->counts.unsent++;
      done++;
    }
  }
}

static void release(struct way *way, struct held *held) {
  outgoing[outgoing_count++] = &held->datagram;
  if (held->passed > 0) way->counts.reordered++;
  held->to_pass = 0;
  way->held_count--;
}

static void send_on(struct way *way, const struct datagram *datagram) {
  outgoing[outgoing_count++] = datagram;
  for (size_t i = 0; i < MAX_HELD && way->held_count > 0; i++) {
    struct held *held = &way->held[i];
    if (held->to_pass == 0) continue;
    held->passed++;
    if (held->passed == held->to_pass) release(way, held);
  }
}

static bool hold_back(struct way *way, const struct datagram *datagram) {
  for (size_t i = 0; i < MAX_HELD; i++) {
    struct held *held = &way->held[i];
    /* What was released in this batch is still to be sent from its place. */
    if (held->to_pass != 0 || held->passed != 0) continue;
    held->datagram.length = datagram->length;
    memcpy(held->datagram.bytes, datagram->bytes, datagram->length);
    held->to_pass = 1 + (unsigned)(next_random() % MAX_OVERTAKING);
    way->held_count++;
    return true;
  }
  return false;
}

static void pass(struct way *way, const struct datagram *datagram) {
  way->counts.received++;
  if (happens(loss_rate)) {
    way->counts.lost++;
    return;
  }
  if (happens(reorder_rate) && hold_back(way, datagram)) return;
  send_on(way, datagram);
  if (!happens(double_rate)) return;
  way->counts.doubled++;
  send_on(way, datagram);
}

static void end_batch(struct way *way) {
  flush(way);
  for (size_t i = 0; i < MAX_HELD; i++)
    if (way->held[i].to_pass == 0) way->held[i].passed = 0;
}

static void release_all(struct way *way) {
  for (size_t i = 0; i < MAX_HELD; i++)
    if (way->held[i].to_pass != 0) release(way, &way->held[i]);
  end_batch(way);
}

/* Replies to the last sender through `back`. */
static void serve(struct way *way, struct way *back) {
  static struct mmsghdr headers[BATCH];
  static struct iovec vectors[BATCH];
  static struct sockaddr_storage sources[BATCH];
  for (size_t i = 0; i < BATCH; i++) {
    vectors[i] = (struct iovec){received[i].bytes, DATAGRAM_BYTES};
    headers[i].msg_hdr = (struct msghdr){
        .msg_name = &sources[i],
        .msg_namelen = sizeof sources[i],
        .msg_iov = &vectors[i],
        .msg_iovlen = 1,
    };
  }
  const int count = recvmmsg(way->from, headers, BATCH, MSG_DONTWAIT, NULL);
  for (int i = 0; i < count; i++) {
    received[i].length = headers[i].msg_len;
    pass(way, &received[i]);
  }
  if (count > 0 && back) {
    back->target = sources[count - 1];
    back->target_length = headers[count - 1].msg_hdr.msg_namelen;
  }
  end_batch(way);
}

static socklen_t parse_address(const char *text, const char *port, struct sockaddr_storage *out) {
  struct sockaddr_in *in = (struct sockaddr_in *)out;
  struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
  const uint16_t number = htons((uint16_t)atoi(port));
  memset(out, 0, sizeof *out);
  if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
    in->sin_family = AF_INET;
    in->sin_port = number;
    return sizeof *in;
  }
  if (inet_pton(AF_INET6, text, &in6->sin6_addr) != 1) {
    fprintf(stderr, "%s is no address\n", text);
    exit(2);
  }
  in6->sin6_family = AF_INET6;
  in6->sin6_port = number;
  return sizeof *in6;
}

static int open_socket(int family) {
  const int size = SOCKET_BUFFER;
  const int fd = socket(family, SOCK_DGRAM, 0);
  if (fd < 0) fail("socket");
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  return fd;
}

static void end_soon(int signal) {
  (void)signal;
  has_to_end = 1;
}

static void tell(const char *name, const struct counts *counts, const char *after) {
  printf("\"%s\":{\"received\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"reordered\":%" PRIu64
         ",\"doubled\":%" PRIu64 ",\"unsent\":%" PRIu64 "}%s",
         name, counts->received, counts->lost, counts->reordered, counts->doubled, counts->unsent,
         after);
}

static uint32_t rate(const char *percent) { return (uint32_t)(strtod(percent, NULL) * 10000 + 0.5); }

int main(int argc, char **argv) {
  static struct way there, back;
  struct sockaddr_storage address;
  if (argc != 9) {
    fprintf(stderr, "usage: relay ADDRESS PORT TARGET PORT LOSS REORDER DOUBLE SEED\n");
    return 2;
  }
  const socklen_t address_length = parse_address(argv[1], argv[2], &address);
  there.target_length = parse_address(argv[3], argv[4], &there.target);
  loss_rate = rate(argv[5]);
  reorder_rate = rate(argv[6]);
  double_rate = rate(argv[7]);
  random_state = strtoull(argv[8], NULL, 10);

  there.from = back.to = open_socket(address.ss_family);
  there.to = back.from = open_socket(there.target.ss_family);
  if (bind(there.from, (struct sockaddr *)&address, address_length) != 0) fail("bind");
  struct sigaction action = {.sa_handler = end_soon};
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
  puts("ready");
  fflush(stdout);

  struct pollfd polled[2] = {{.fd = there.from, .events = POLLIN},
                             {.fd = back.from, .events = POLLIN}};
  while (!has_to_end) {
    const bool holds = there.held_count > 0 || back.held_count > 0;
    /* Not for ever: a signal just before the call would wait for the next datagram. */
    const int ready = poll(polled, 2, holds ? HOLD_MS : 500);
    if (ready == 0 && holds) {
      release_all(&there);
      release_all(&back);
    }
    if (ready <= 0) continue;
    if (polled[0].revents) serve(&there, &back);
    if (polled[1].revents) serve(&back, NULL);
  }
  printf("{");
  tell("there", &there.counts, ",");
  tell("back", &back.counts, "}\n");
  return 0;
}
