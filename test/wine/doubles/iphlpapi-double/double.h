/*
 * A stand-in for iphlpapi.dll: a small network of interfaces, addresses and routes, changed by the
 * functions of the true one, which are compiled here from its headers. Each change is written down
 * with all fields that it was given.
 */
#ifndef IPHLPAPI_DOUBLE_H
#define IPHLPAPI_DOUBLE_H

#include <winsock2.h>
#include <ws2tcpip.h>
#include <ws2ipdef.h>
#include <windows.h>
#include <iphlpapi.h>
#include <netioapi.h>

#include <stdbool.h>
#include <stdint.h>

#define EXPORT __declspec(dllexport)

#define MAX_INTERFACES 16
#define MAX_ROWS 128
#define MAX_DNS_TEXT 512
#define ADDRESS_TEXT_SIZE 64

/* Of one family of an net. */
struct ip_interface {
  bool is_present;
  MIB_IPINTERFACE_ROW row;
  WCHAR dns_servers[MAX_DNS_TEXT];
  WCHAR dns_search[MAX_DNS_TEXT];
};

struct net_interface {
  bool is_used;
  NET_LUID luid;
  NET_IFINDEX index;
  GUID guid;
  WCHAR alias[IF_MAX_STRING_SIZE + 1];
  ULONG mtu;
  bool is_up;
  struct ip_interface ipv4;
  struct ip_interface ipv6;
};

struct model {
  SRWLOCK lock;
  struct net_interface interfaces[MAX_INTERFACES];
  MIB_UNICASTIPADDRESS_ROW addresses[MAX_ROWS];
  ULONG address_count;
  MIB_IPFORWARD_ROW2 routes[MAX_ROWS];
  ULONG route_count;
};

extern struct model model;

/* All of these want the lock. */
struct net_interface *find_interface(NET_LUID luid);
struct ip_interface *find_ip_interface(NET_LUID luid, ADDRESS_FAMILY family);
DWORD add_address(const MIB_UNICASTIPADDRESS_ROW *row);
DWORD remove_address(const MIB_UNICASTIPADDRESS_ROW *row);
DWORD add_route(const MIB_IPFORWARD_ROW2 *row);
DWORD remove_route(const MIB_IPFORWARD_ROW2 *row);

bool same_address(const SOCKADDR_INET *a, const SOCKADDR_INET *b);
bool is_address_unspecified(const SOCKADDR_INET *address);
unsigned int address_bits(const SOCKADDR_INET *address);
/* Clears the bits beyond `length`. */
void mask_address(SOCKADDR_INET *address, unsigned int length);
bool parse_address(const char *text, SOCKADDR_INET *address);
void format_address(const SOCKADDR_INET *address, char text[ADDRESS_TEXT_SIZE]);

/* The error that a test has asked for, or 0. */
DWORD injected_error(const char *function);
/* Something has changed: those who asked for it are called, from another thread. */
void announce_change(void);

/* A JSON text that grows. Names and texts must not need escapes, except for wide texts. */
struct json {
  char *text;
  size_t length;
  size_t size;
  bool needs_comma;
};

void json_raw(struct json *json, const char *text);
void json_open(struct json *json, const char *name, char bracket);
void json_close(struct json *json, char bracket);
void json_number(struct json *json, const char *name, uint64_t value);
/* As text: a number of JavaScript does not hold 64 bits. */
void json_luid(struct json *json, const char *name, NET_LUID luid);
void json_text(struct json *json, const char *name, const char *text);
void json_wide(struct json *json, const char *name, const WCHAR *text);
void json_address(struct json *json, const char *name, const SOCKADDR_INET *address);
/* Into a buffer of the caller: the length, or what it would have to be when it is too small. */
uint32_t json_copy(const struct json *json, char *buffer, uint32_t size);
void json_free(struct json *json);

/* An entry of the log; the lock of the log is held from begin to end. */
struct json *log_begin(const char *function);
void log_end(struct json *json, DWORD result);

#endif
