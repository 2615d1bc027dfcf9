#include "../../../../native/lib/common.h"
