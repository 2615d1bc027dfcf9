#include "../../../../native/lib/udp.h"
