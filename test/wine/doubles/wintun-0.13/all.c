/* The same with the enumeration that the DLLs up to 0.13 have. */
#define WITH_ENUMERATION
#include "../wintun/adapter.c"
#include "../wintun/control.c"
#include "../wintun/far.c"
#include "../wintun/session.c"
#include "../wintun/ring.c"
