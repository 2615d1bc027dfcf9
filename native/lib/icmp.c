#include "icmp.h"

#include "checksum.h"
#include "packet.h"

/* Replies per second, and at once after a silence. */
#define RATE 50
#define NANOSECONDS 1000000000ull
#define PROTOCOL_ICMP 1
#define PROTOCOL_ICMPV6 58
#define MAX_REPLY4 576
#define HOP_LIMIT 64

void icmp_limiter_init(struct icmp_limiter *limiter) {
  mutex_init(&limiter->lock);
  limiter->tokens = RATE * NANOSECONDS;
  limiter->at = 0;
}

/* A token is a second's worth of nanoseconds times the rate, so that nothing is rounded. */
static bool take_token(struct icmp_limiter *limiter, uint64_t now) {
  const uint64_t full = RATE * NANOSECONDS;
  mutex_lock(&limiter->lock);
  uint64_t passed = now > limiter->at ? now - limiter->at : 0;
  if (passed > NANOSECONDS) passed = NANOSECONDS;
  limiter->at = now;
  limiter->tokens += passed * RATE;
  if (limiter->tokens > full) limiter->tokens = full;
  const bool has_token = limiter->tokens >= NANOSECONDS;
  if (has_token) limiter->tokens -= NANOSECONDS;
  mutex_unlock(&limiter->lock);
  return has_token;
}

static bool is_icmp_query(uint8_t type) {
  return type == 0 || type == 8 || type == 13 || type == 14 || type == 17 || type == 18;
}

static bool may_be_answered4(const uint8_t *packet, size_t length) {
  const size_t header_length = (size_t)(packet[0] & 0x0f) * 4;
  const uint8_t source = packet[12], destination = packet[16];
  if (header_length < 20 || length < header_length || (load_be16(packet + 6) & 0x1fff) != 0)
    return false;
  if (source == 0 || source >= 224 || destination >= 224) return false;
  return packet[9] != PROTOCOL_ICMP || (length > header_length && is_icmp_query(packet[header_length]));
}

static bool may_be_answered6(const uint8_t *packet, size_t length) {
  static const uint8_t nowhere[16];
  if (memcmp(packet + 8, nowhere, 16) == 0 || packet[8] == 0xff || packet[24] == 0xff) return false;
  return packet[6] != PROTOCOL_ICMPV6 || (length > 40 && packet[40] >= 128);
}

/*
 * The source of the reply is the destination of the packet: the system would drop a reply that claims to
 * come from its own address.
 */
static size_t unreachable4(const uint8_t *packet, size_t length, uint8_t *reply) {
  const size_t quoted = length < MAX_REPLY4 - 28 ? length : MAX_REPLY4 - 28;
  const size_t total = 28 + quoted;
  memset(reply, 0, 28);
  reply[0] = 0x45;
  reply[1] = 0xc0; /* Precedence "internetwork control" of RFC 1812, 4.3.2.5. */
  store_be16(reply + 2, (uint16_t)total);
  reply[8] = HOP_LIMIT;
  reply[9] = PROTOCOL_ICMP;
  memcpy(reply + 12, packet + 16, 4);
  memcpy(reply + 16, packet + 12, 4);
  store_be16(reply + 10, (uint16_t)~checksum_fold(checksum_add(0, reply, 20)));
  reply[20] = 3;
  reply[21] = 1;
  memcpy(reply + 28, packet, quoted);
  store_be16(reply + 22, (uint16_t)~checksum_fold(checksum_add(0, reply + 20, total - 20)));
  return total;
}

static size_t unreachable6(const uint8_t *packet, size_t length, uint8_t *reply) {
  const size_t quoted = length < ICMP_MAX_REPLY - 48 ? length : ICMP_MAX_REPLY - 48;
  memset(reply, 0, 48);
  reply[0] = 0x60;
  store_be16(reply + 4, (uint16_t)(8 + quoted));
  reply[6] = PROTOCOL_ICMPV6;
  reply[7] = HOP_LIMIT;
  memcpy(reply + 8, packet + 24, 16);
  memcpy(reply + 24, packet + 8, 16);
  reply[40] = 1;
  reply[41] = 3;
  memcpy(reply + 48, packet, quoted);
  uint64_t sum = checksum_pseudo(reply, PROTOCOL_ICMPV6, 8 + quoted);
  store_be16(reply + 42, (uint16_t)~checksum_fold(checksum_add(sum, reply + 40, 8 + quoted)));
  return 48 + quoted;
}

size_t icmp_unreachable(struct icmp_limiter *limiter, uint64_t now, const uint8_t *packet,
                        size_t length, uint8_t reply[ICMP_MAX_REPLY]) {
  const bool is_v4 = packet_version(packet) == 4;
  if (!(is_v4 ? may_be_answered4(packet, length) : may_be_answered6(packet, length))) return 0;
  if (!take_token(limiter, now)) return 0;
  return is_v4 ? unreachable4(packet, length, reply) : unreachable6(packet, length, reply);
}
