/*
 * The whole ABI of the native data plane. It owns the packets: in threads of its own it routes, seals
 * and sends packets from the TUN queues, and opens, checks and writes packets from the UDP sockets.
 * Handshakes, timers and configuration stay with the caller, through the calls and events below
 * (protocol/dataplane.ts defines the division between both).
 *
 * All calls on one device must come from one thread. The device's own threads never call back. A device
 * needs a few megabytes at most; nothing that the network sends makes it grow.
 *
 * Any change to this file is a new ABI version. native/binding.ts and native/layout.ts repeat it, and
 * test/native/abi.test.ts compares them.
 */
#ifndef WG_TS_H
#define WG_TS_H

#include <stddef.h>
#include <stdint.h>

#define WG_TS_ABI_VERSION 3

#define WG_TS_MAX_WORKERS 16
/* The length of an initiation, the longest message in an event. */
#define WG_TS_MAX_MESSAGE 148
/* Bytes of the path of a named pipe, including the terminating zero. */
#define WG_TS_MAX_PATH 64

#ifdef __cplusplus
extern "C" {
#endif

struct wg_ts_device;

/*
 * The source or destination of a datagram. `family` is 4 or 6, 0 for none. The port is in host byte
 * order, addresses are in network byte order; an IPv4 address is in the first 4 bytes. `source` is our
 * own end, all zero to let the system choose ("sticky sockets"); `interface_index` belongs to it if it is
 * link-local, else it is 0.
 */
struct wg_ts_endpoint {
  uint16_t family;
  uint16_t port;
  uint32_t scope;
  uint8_t address[16];
  uint8_t source[16];
  uint32_t interface_index;
  uint32_t reserved;
};

/* What to turn off, for a system that refuses it, and for tests and measurements. */
enum {
  WG_TS_WITHOUT_UDP_SEGMENT = 1 << 0,
  WG_TS_WITHOUT_UDP_GRO = 1 << 1,
  WG_TS_WITHOUT_TCP_COALESCING = 1 << 2,
  WG_TS_WITHOUT_UDP_COALESCING = 1 << 3,
  WG_TS_WITHOUT_DIRECT_CRYPTO = 1 << 4,
};

/*
 * The caller keeps ownership of file descriptors (on Windows, sockets), module and session. It may close
 * them after `wg_ts_close`, and sockets also after `wg_ts_replace_sockets`. -1 means no IPv6.
 */
struct wg_ts_options {
  uint32_t workers;
  uint32_t mtu;
  /* Bits of WG_TS_WITHOUT_*. */
  uint32_t without;
  /* 1: each packet read from or written to a TUN queue follows a struct virtio_net_hdr of 10 bytes. */
  uint32_t vnet_header;
  /* Microseconds for which a thread polls for more work before it sleeps. */
  uint32_t spin_us;
  /* 1: one thread of a worker serves both directions; 2: one thread each. */
  uint32_t threads_per_worker;
  int32_t tun[WG_TS_MAX_WORKERS];
  int32_t udp4[WG_TS_MAX_WORKERS];
  int32_t udp6[WG_TS_MAX_WORKERS];
  /* On Windows, with one worker, instead of `tun`: the HMODULE of wintun.dll, and one of its sessions. */
  uint64_t wintun_module;
  uint64_t wintun_session;
  /* On Windows: a listening named pipe, to which a byte is written while events wait. */
  uint8_t doorbell[WG_TS_MAX_PATH];
};

enum {
  /* `message` of `length` bytes came from `endpoint`. */
  WG_TS_EVENT_HANDSHAKE = 1,
  WG_TS_EVENT_NEEDS_HANDSHAKE = 2,
  /* `value` is the local index of the keypair. */
  WG_TS_EVENT_KEY_CONFIRMED = 3,
  /* `endpoint` is the new endpoint. */
  WG_TS_EVENT_ROAMED = 4,
  /* `value` has bits of WG_TS_TRAFFIC_*. */
  WG_TS_EVENT_TRAFFIC = 5,
  /* The TUN device is gone. `value` is errno, on Windows the error of GetLastError. */
  WG_TS_EVENT_TUN_FAILED = 6,
  /* The session is corrupt and no longer used: see `wg_ts_replace_session`. */
  WG_TS_EVENT_TUN_CORRUPT = 7,
};

enum {
  WG_TS_TRAFFIC_DATA_SENT = 1 << 0,
  WG_TS_TRAFFIC_DATA_RECEIVED = 1 << 1,
  WG_TS_TRAFFIC_KEEPALIVE_SENT = 1 << 2,
  WG_TS_TRAFFIC_KEEPALIVE_RECEIVED = 1 << 3,
  /* The last message received came after the last one sent. */
  WG_TS_TRAFFIC_RECEIVED_LAST = 1 << 4,
};

struct wg_ts_event {
  uint32_t type;
  uint32_t peer;
  uint32_t value;
  uint32_t length;
  struct wg_ts_endpoint endpoint;
  uint8_t message[WG_TS_MAX_MESSAGE];
  uint32_t reserved;
};

struct wg_ts_prefix {
  uint8_t address[16];
  /* 4 or 6. */
  uint8_t family;
  uint8_t length;
  /* 0: add the prefix, 1: remove it. */
  uint8_t remove;
  uint8_t reserved;
};

struct wg_ts_keypair {
  uint8_t send_key[32];
  uint8_t receive_key[32];
  uint32_t local_index;
  uint32_t remote_index;
  uint32_t is_initiator;
  uint32_t reserved;
  uint64_t send_counter;
  /* Nanoseconds since the keypair was made; the library enforces REJECT_AFTER_TIME. */
  uint64_t age;
};

/* Counts since the device was opened. */
struct wg_ts_statistics {
  uint64_t tun_reads;
  uint64_t tun_packets;
  uint64_t tun_writes;
  uint64_t tun_write_errors;
  uint64_t udp_datagrams_sent;
  uint64_t udp_sends;
  uint64_t udp_send_errors;
  uint64_t udp_datagrams_received;
  uint64_t udp_receives;
  uint64_t dropped_unauthentic;
  uint64_t dropped_replayed;
  uint64_t dropped_not_allowed;
  uint64_t dropped_events;
  uint64_t sleeps;
  /* errno (on Windows, the Winsock error) of the last failed send, 0 for none. */
  uint64_t last_send_error;
  uint64_t allowed_ips_memory;
};

#ifdef _WIN32
#define WG_TS_EXPORT __declspec(dllexport)
#else
#define WG_TS_EXPORT __attribute__((visibility("default")))
#endif

WG_TS_EXPORT uint32_t wg_ts_abi_version(void);

/*
 * Writes the sizes and offsets of the structs above, in the order of native/layout.ts, at most
 * `capacity` numbers. Returns how many there are.
 */
WG_TS_EXPORT uint32_t wg_ts_layout(uint32_t *out, uint32_t capacity);

/*
 * Returns the name of the ChaCha20-Poly1305 that is found in this process and passes the self-test, or
 * NULL when there is none. To be called before any other call; `without` as in the options.
 */
WG_TS_EXPORT const char *wg_ts_select_crypto(uint32_t without);

/* Returns NULL on failure, with errno in `*error`. No thread runs before `wg_ts_start`. */
WG_TS_EXPORT struct wg_ts_device *wg_ts_open(const struct wg_ts_options *options, int32_t *error);
/* Returns 0 or errno. */
WG_TS_EXPORT int32_t wg_ts_start(struct wg_ts_device *device);
/* Ends the threads, zeroes all keys and frees everything. */
WG_TS_EXPORT void wg_ts_close(struct wg_ts_device *device);

/* Returns a descriptor that is readable while events wait; -1 if the options have a `doorbell` instead. */
WG_TS_EXPORT int32_t wg_ts_doorbell(struct wg_ts_device *device);
/*
 * Takes up to `capacity` events and returns how many. When it returns `capacity`, there may be more.
 * Traffic rings the doorbell once; after that it is collected silently until `wg_ts_rearm`.
 */
WG_TS_EXPORT uint32_t wg_ts_drain(struct wg_ts_device *device, struct wg_ts_event *events,
                                  uint32_t capacity);
/* Makes the next traffic ring again. Returns 1 when some is already waiting: then call `wg_ts_drain`. */
WG_TS_EXPORT uint32_t wg_ts_rearm(struct wg_ts_device *device);

/*
 * Adds a peer, or changes its endpoint (NULL: unchanged). A given endpoint, also the one that it has, lets
 * the system choose our own address again. Returns 0 or ENOMEM.
 */
WG_TS_EXPORT int32_t wg_ts_set_peer(struct wg_ts_device *device, uint32_t peer,
                                    const struct wg_ts_endpoint *endpoint);
/* With `replace`, drops all prefixes that the peer had before. Returns 0, ENOENT, EINVAL or ENOMEM. */
WG_TS_EXPORT int32_t wg_ts_set_allowed_ips(struct wg_ts_device *device, uint32_t peer,
                                           uint32_t replace, const struct wg_ts_prefix *prefixes,
                                           uint32_t count);
WG_TS_EXPORT void wg_ts_remove_peer(struct wg_ts_device *device, uint32_t peer);
/* A handshake message of `bytes` bytes is authentic: the peer roams to `from`, and the bytes are counted. */
WG_TS_EXPORT void wg_ts_authenticated(struct wg_ts_device *device, uint32_t peer,
                                      const struct wg_ts_endpoint *from, uint32_t bytes);
/* Copies the keys; the caller zeroes its own copy. Returns 0, ENOENT or ENOMEM. */
WG_TS_EXPORT int32_t wg_ts_install_keypair(struct wg_ts_device *device, uint32_t peer,
                                           const struct wg_ts_keypair *keypair);
WG_TS_EXPORT void wg_ts_drop_keypairs(struct wg_ts_device *device, uint32_t peer);
WG_TS_EXPORT void wg_ts_drop_staged(struct wg_ts_device *device, uint32_t peer);
WG_TS_EXPORT void wg_ts_send_handshake(struct wg_ts_device *device, uint32_t peer,
                                       const uint8_t *message, uint32_t length);
WG_TS_EXPORT void wg_ts_send_cookie_reply(struct wg_ts_device *device,
                                          const struct wg_ts_endpoint *to, const uint8_t *message,
                                          uint32_t length);
/* Sends a keepalive, or the staged packets if there are any. */
WG_TS_EXPORT void wg_ts_send_keepalive(struct wg_ts_device *device, uint32_t peer);

/*
 * On Windows: when this returns, no thread uses the previous session any more, and all continue with
 * this one; with 0, without a session, and packets to be written are lost. Returns 0 or errno.
 */
WG_TS_EXPORT int32_t wg_ts_replace_session(struct wg_ts_device *device, uint64_t session);
/*
 * Takes arrays with one socket for each worker, as in the options. When it returns, no thread uses the
 * previous sockets any more. Returns 0 or errno. On failure nothing has changed, unless the threads could
 * not be started again.
 */
WG_TS_EXPORT int32_t wg_ts_replace_sockets(struct wg_ts_device *device, const int32_t *udp4,
                                           const int32_t *udp6);
/*
 * 1: datagrams over IPv4 (4) or IPv6 (6) are not sent but lost and counted, since the system's only
 * route for them is through the tunnel itself. 0: as usual.
 */
WG_TS_EXPORT void wg_ts_block_sending(struct wg_ts_device *device, uint32_t family,
                                      uint32_t is_blocked);
WG_TS_EXPORT void wg_ts_set_mtu(struct wg_ts_device *device, uint32_t mtu);
/* Writes the bytes received and the bytes sent. */
WG_TS_EXPORT void wg_ts_transfer(struct wg_ts_device *device, uint32_t peer, uint64_t bytes[2]);
WG_TS_EXPORT void wg_ts_read_statistics(struct wg_ts_device *device, struct wg_ts_statistics *out);

#ifdef __cplusplus
}
#endif

#endif
