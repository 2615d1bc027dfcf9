/* Sessions: packets taken from and given to the rings. */
#include "double.h"

#include <stdlib.h>
#include <string.h>

static void *refused(DWORD error) {
  SetLastError(error);
  return NULL;
}

static bool is_capacity(DWORD capacity) {
  return capacity >= MIN_RING_CAPACITY && capacity <= MAX_RING_CAPACITY &&
         (capacity & (capacity - 1)) == 0;
}

/* Ended sessions are kept in memory, so that their use is noticed. */
static struct session *enter(void *pointer) {
  struct session *session = pointer;
  if (!session) misuse("a session that is NULL");
  if (session->magic == ENDED_MAGIC) misuse("a session used after its end");
  if (session->magic != SESSION_MAGIC) misuse("no session");
  InterlockedIncrement(&session->inside);
  return session;
}

static void leave(struct session *session) { InterlockedDecrement(&session->inside); }

EXPORT void *WINAPI WintunStartSession(void *handle, DWORD capacity) {
  struct handle *h = checked_handle(handle, "WintunStartSession");
  if (IS_TOLD_TO_FAIL("WintunStartSession")) return NULL;
  if (!is_capacity(capacity)) return refused(ERROR_INVALID_PARAMETER);
  if (h->adapter->session) return refused(ERROR_ALREADY_INITIALIZED);
  if (h->adapter->is_torn) return refused(ERROR_FILE_NOT_FOUND);
  struct session *session = calloc(1, sizeof *session);
  session->adapter = h->adapter;
  /* Auto-reset, and signalled only to a reader that found the ring empty. */
  session->read_event = CreateEventW(NULL, FALSE, FALSE, NULL);
  session->is_alertable = 1;
  if (!session->read_event || !ring_open(&session->receive, capacity) ||
      !ring_open(&session->send, capacity) || !far_open(session))
    return refused(ERROR_NOT_ENOUGH_MEMORY);
  session->magic = SESSION_MAGIC;
  h->adapter->session = session;
  return session;
}

EXPORT void WINAPI WintunEndSession(void *pointer) {
  (void)IS_TOLD_TO_FAIL("WintunEndSession");
  struct session *session = enter(pointer);
  if (session->inside > 1) misuse("a session ended while another thread is inside of a call");
  /* Before other handles get its number. */
  if (!SetEvent(session->read_event)) misuse("the read-wait event was closed by the caller");
  far_close(session);
  if (!session->adapter->is_paused && session->send.head != session->send.tail)
    misuse("a session ended with packets that were allocated and not sent");
  if (session->receive.head != session->receive.taken)
    misuse("a session ended with received packets that were not released");
  session->magic = ENDED_MAGIC;
  session->adapter->session = NULL;
  ring_close(&session->receive);
  ring_close(&session->send);
  CloseHandle(session->read_event);
}

EXPORT HANDLE WINAPI WintunGetReadWaitEvent(void *pointer) {
  (void)IS_TOLD_TO_FAIL("WintunGetReadWaitEvent");
  struct session *session = enter(pointer);
  leave(session);
  return session->read_event;
}

static uint8_t *take(struct session *session, DWORD *size) {
  struct ring *ring = &session->receive;
  if (session->adapter->is_torn) return refused(ERROR_HANDLE_EOF);
  if (session->is_corrupt) return refused(ERROR_INVALID_DATA);
  if (ring->taken == ring->tail && session->adapter->flood) session_fill_by_flood(session);
  if (ring->taken == ring->tail) {
    InterlockedExchange(&session->is_alertable, 1);
    return refused(ERROR_NO_MORE_ITEMS);
  }
  struct entry *entry = ring_entry_at(ring, ring->taken);
  ring->taken += entry_bytes(entry->size);
  entry->state = ENTRY_TAKEN;
  session->adapter->counters.received_packets++;
  *size = entry->size;
  return (uint8_t *)(entry + 1);
}

EXPORT uint8_t *WINAPI WintunReceivePacket(void *pointer, DWORD *size) {
  struct session *session = enter(pointer);
  uint8_t *packet = NULL;
  if (!IS_TOLD_TO_FAIL("WintunReceivePacket")) {
    AcquireSRWLockExclusive(&session->receive.lock);
    packet = take(session, size);
    const DWORD error = GetLastError();
    ReleaseSRWLockExclusive(&session->receive.lock);
    if (!packet) SetLastError(error);
  }
  leave(session);
  return packet;
}

EXPORT void WINAPI WintunReleaseReceivePacket(void *pointer, const uint8_t *packet) {
  (void)IS_TOLD_TO_FAIL("WintunReleaseReceivePacket");
  struct session *session = enter(pointer);
  struct ring *ring = &session->receive;
  AcquireSRWLockExclusive(&ring->lock);
  struct entry *entry = ring_entry_of(ring, packet);
  if (!entry || entry->state != ENTRY_TAKEN)
    misuse("a packet released that was not received, or twice");
  entry->state = ENTRY_RELEASED;
  session->adapter->counters.released_packets++;
  while (ring->head != ring->taken) {
    struct entry *first = ring_entry_at(ring, ring->head);
    if (first->state != ENTRY_RELEASED) break;
    ring->head += entry_bytes(first->size);
    first->magic = 0;
  }
  ReleaseSRWLockExclusive(&ring->lock);
  leave(session);
}

static uint8_t *allocate(struct session *session, DWORD size) {
  if (session->adapter->is_torn) return refused(ERROR_HANDLE_EOF);
  struct entry *entry = ring_reserve(&session->send, size);
  if (!entry) {
    session->adapter->counters.send_full++;
    return refused(ERROR_BUFFER_OVERFLOW);
  }
  entry->state = ENTRY_ALLOCATED;
  return (uint8_t *)(entry + 1);
}

EXPORT uint8_t *WINAPI WintunAllocateSendPacket(void *pointer, DWORD size) {
  struct session *session = enter(pointer);
  if (size == 0 || size > MAX_IP_PACKET_SIZE) misuse("a packet of a size that cannot be sent");
  uint8_t *packet = NULL;
  if (!IS_TOLD_TO_FAIL("WintunAllocateSendPacket")) {
    AcquireSRWLockExclusive(&session->send.lock);
    packet = allocate(session, size);
    const DWORD error = GetLastError();
    ReleaseSRWLockExclusive(&session->send.lock);
    if (!packet) SetLastError(error);
  }
  leave(session);
  return packet;
}

EXPORT void WINAPI WintunSendPacket(void *pointer, const uint8_t *packet) {
  (void)IS_TOLD_TO_FAIL("WintunSendPacket");
  struct session *session = enter(pointer);
  AcquireSRWLockExclusive(&session->send.lock);
  struct entry *entry = ring_entry_of(&session->send, packet);
  if (!entry || entry->state != ENTRY_ALLOCATED)
    misuse("a packet sent that was not allocated, or twice");
  entry->state = ENTRY_SENT;
  session_deliver(session);
  ReleaseSRWLockExclusive(&session->send.lock);
  leave(session);
}
