#include "double.h"

#include <stdio.h>
#include <string.h>

static uint8_t *address_bytes(SOCKADDR_INET *address) {
  if (address->si_family == AF_INET) return (uint8_t *)&address->Ipv4.sin_addr;
  return (uint8_t *)&address->Ipv6.sin6_addr;
}

unsigned int address_bits(const SOCKADDR_INET *address) {
  return address->si_family == AF_INET ? 32 : 128;
}

bool same_address(const SOCKADDR_INET *a, const SOCKADDR_INET *b) {
  if (a->si_family != b->si_family) return false;
  size_t size = address_bits(a) / 8;
  return memcmp(address_bytes((SOCKADDR_INET *)a), address_bytes((SOCKADDR_INET *)b), size) == 0;
}

bool is_address_unspecified(const SOCKADDR_INET *address) {
  SOCKADDR_INET zero = {0};
  zero.si_family = address->si_family;
  return same_address(address, &zero);
}

void mask_address(SOCKADDR_INET *address, unsigned int length) {
  uint8_t *bytes = address_bytes(address);
  for (unsigned int bit = length; bit < address_bits(address); bit++)
    bytes[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
}

bool parse_address(const char *text, SOCKADDR_INET *address) {
  memset(address, 0, sizeof *address);
  address->si_family = strchr(text, ':') == NULL ? AF_INET : AF_INET6;
  return inet_pton(address->si_family, text, address_bytes(address)) == 1;
}

void format_address(const SOCKADDR_INET *address, char text[ADDRESS_TEXT_SIZE]) {
  bool is_known = address->si_family == AF_INET || address->si_family == AF_INET6;
  if (is_known)
    inet_ntop(address->si_family, address_bytes((SOCKADDR_INET *)address), text, ADDRESS_TEXT_SIZE);
  else
    snprintf(text, ADDRESS_TEXT_SIZE, "family %u", address->si_family);
}
