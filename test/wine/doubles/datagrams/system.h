#include "../../../../native/lib/windows/system.h"
