#include "../../../../native/lib/windows/udp_receive.c"
