#include "../../../../native/lib/windows/udp_system.h"
