#include "../../../../native/lib/joined.h"
