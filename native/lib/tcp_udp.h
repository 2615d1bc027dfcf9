/*
 * The offsets of the fields that change when packets are cut or joined: IPv4 (RFC 791), IPv6 (RFC 8200),
 * TCP (RFC 9293) and UDP (RFC 768).
 */
#ifndef WG_TS_TCP_UDP_H
#define WG_TS_TCP_UDP_H

#include "packet.h"

enum { PROTOCOL_TCP = 6, PROTOCOL_UDP = 17 };

enum {
  IPV4_TOTAL_LENGTH = 2,
  IPV4_ID = 4,
  IPV4_FRAGMENT = 6,
  IPV4_TTL = 8,
  IPV4_PROTOCOL = 9,
  IPV4_CHECKSUM = 10,
  IPV4_ADDRESSES = 12,
};

/* Bits of the field at IPV4_FRAGMENT. */
#define IPV4_DONT_FRAGMENT 0x4000
#define IPV4_IS_FRAGMENT 0x3fff

enum {
  IPV6_PAYLOAD_LENGTH = 4,
  IPV6_NEXT_HEADER = 6,
  IPV6_HOP_LIMIT = 7,
  IPV6_ADDRESSES = 8,
};

#define TCP_HEADER 20
enum {
  TCP_SEQUENCE = 4,
  TCP_ACKNOWLEDGMENT = 8,
  TCP_DATA_OFFSET = 12,
  TCP_FLAGS = 13,
  TCP_WINDOW = 14,
  TCP_CHECKSUM = 16,
  TCP_URGENT_POINTER = 18,
};

enum {
  TCP_FIN = 0x01,
  TCP_SYN = 0x02,
  TCP_RST = 0x04,
  TCP_PSH = 0x08,
  TCP_ACK = 0x10,
  TCP_URG = 0x20,
  TCP_ECE = 0x40,
  TCP_CWR = 0x80,
};

#define UDP_HEADER 8
enum { UDP_LENGTH = 4, UDP_CHECKSUM = 6 };

/* In bytes, options included. */
static inline size_t ipv4_header_length(const uint8_t *ip) { return (size_t)(ip[0] & 0x0f) * 4; }
static inline size_t tcp_header_length(const uint8_t *tcp) {
  return (size_t)(tcp[TCP_DATA_OFFSET] >> 4) * 4;
}

#endif
