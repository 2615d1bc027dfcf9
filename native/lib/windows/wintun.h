/* The part of the Wintun API that moves packets, resolved in the DLL that the caller has loaded. */
#ifndef WG_TS_WINTUN_H
#define WG_TS_WINTUN_H

#include <windows.h>

typedef struct _TUN_SESSION *WINTUN_SESSION_HANDLE;

struct wintun_functions {
  /* Returns NULL with ERROR_NO_MORE_ITEMS, ERROR_HANDLE_EOF (adapter gone) or ERROR_INVALID_DATA (corrupt). */
  BYTE *(WINAPI *receive_packet)(WINTUN_SESSION_HANDLE session, DWORD *size);
  void(WINAPI *release_receive_packet)(WINTUN_SESSION_HANDLE session, const BYTE *packet);
  /* Returns NULL with ERROR_BUFFER_OVERFLOW (full) or ERROR_HANDLE_EOF. What it allocates must be sent. */
  BYTE *(WINAPI *allocate_send_packet)(WINTUN_SESSION_HANDLE session, DWORD size);
  void(WINAPI *send_packet)(WINTUN_SESSION_HANDLE session, const BYTE *packet);
  HANDLE(WINAPI *get_read_wait_event)(WINTUN_SESSION_HANDLE session);
};

#endif
