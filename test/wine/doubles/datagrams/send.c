#include "../../../../native/lib/windows/udp_send.c"
